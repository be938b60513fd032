"""The commands of `python -m vg_reid`, a file each."""
