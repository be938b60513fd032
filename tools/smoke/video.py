"""vg-video alone: write a video, read it back, sample a small G3AN (run by tools/release.py)."""

import numpy as np
from vg_video import g3an
from vg_video.data.codec import read_video, write_video

frames = np.full((5, 64, 64, 3), 128, dtype=np.uint8)
write_video("clip.mp4", frames, fps=25)
read, fps = read_video("clip.mp4")
if read.shape != frames.shape or abs(fps - 25) > 0.01:
    raise SystemExit(f"read {read.shape} at {fps} fps, wrote {frames.shape} at 25 fps")

generator = g3an.Generator(g3an.GeneratorConfig(widths=(8, 8, 8, 8, 8)))
clips = g3an.sample(generator, 2, seed=0)
if clips.shape != (2, 3, 16, 64, 64):
    raise SystemExit(f"sampled {tuple(clips.shape)}, wanted (2, 3, 16, 64, 64)")
