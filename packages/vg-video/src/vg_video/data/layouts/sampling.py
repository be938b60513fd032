"""How the thesis cuts clips out of each dataset."""

from vg_video.data.clips import ClipConfig
from vg_video.data.layouts.read import LayoutName

FACES = ("mug", "uva-nemo")


def imaginator_clips(layout: LayoutName) -> ClipConfig:
    """Clips of chapter 3: 32 frames, every second of a face, every one of an action (3.4.1), scaled to 64 x 64 pixels.

    Weizmann is doubled by mirroring. An episode of BAIR (figure 3.16) is two frames too short and is played on from its
    beginning.
    """
    step = 2 if layout.startswith(FACES) else 1
    return ClipConfig(
        frames=32,
        steps=(step, step),
        fit="resize",
        short="loop" if layout == "bair" else "skip",
        double=layout.startswith("weizmann"),
    )


def g3an_clips(layout: LayoutName) -> ClipConfig:
    """Clips of chapter 4: 16 frames with a random time step from 1 to 4 (4.4.2), scaled to 64 x 64 pixels.

    Weizmann is mirrored at random; UCF101 is scaled to 85 x 64 pixels, of which the center is kept.
    """
    return ClipConfig(fit="85x64" if layout.startswith("ucf101") else "resize", flip=layout.startswith("weizmann"))


def mintgan_clips(layout: LayoutName, resolution: int = 64) -> ClipConfig:
    """Clips of chapter 5: 16 frames in a row, at 64 or 128 pixels (5.3.3, 5.3.6), their center if they are not square.

    The chapter names no time step.
    """
    return ClipConfig(resolution=resolution, steps=(1, 1))
