"""Datasets as they lie on disk after the official download: videos with label, subject and split, and what is missing.

listing = read_layout("weizmann", "weizmann")
train = ClipDataset(listing.root, imaginator_clips("weizmann"), scan=listing.scan("train"))
"""

from vg_video.data.layouts.check import Report, check
from vg_video.data.layouts.listing import Listing, Missing, Split, Video, split_subjects
from vg_video.data.layouts.read import LayoutName, read_layout
from vg_video.data.layouts.sampling import g3an_clips, imaginator_clips, mintgan_clips

__all__ = [
    "LayoutName",
    "Listing",
    "Missing",
    "Report",
    "Split",
    "Video",
    "check",
    "g3an_clips",
    "imaginator_clips",
    "mintgan_clips",
    "read_layout",
    "split_subjects",
]
