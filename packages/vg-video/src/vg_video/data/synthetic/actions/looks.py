"""Who a figure is: colors, clothes, a body and a room."""

from vg_video.data.synthetic.looks import Looks
from vg_video.data.synthetic.rooms import PATTERNS

FIGURES = Looks(
    skin=("#f4d3ba", "#e6b492", "#cf976c", "#a66e3e", "#7b4d2a", "#563520"),
    hair=("#1c1715", "#4a2f1b", "#8a5a2b", "#c9a04e", "#9c9a98", "#7a2f1d"),
    hair_style=("short", "long", "bun"),
    shirt=("#c8332f", "#2f5fc0", "#2f9a4f", "#e6b32a", "#7d3fa0", "#ee7f2d", "#f4f1e8", "#2b2d33", "#2ca6a4"),
    sleeves=("short", "long"),
    trousers=("#26324f", "#3f6ea6", "#6b655a", "#2a2a2c", "#b3966a", "#7b2f35", "#4f6b3a", "#dcd7cc"),
    trouser_legs=("long", "short"),
    shoes=("#1b1a1a", "#efece4", "#b3372f", "#6b4526"),
    height=(0.60, 0.63, 0.66, 0.69, 0.72),  # of the frame's height
    girth=(0.85, 1.0, 1.15, 1.32),  # of the usual width of body and limbs
    wall=("#d9cfbd", "#b4c6d0", "#c9ae9f", "#a9b79a", "#8d97aa", "#cfcfd2", "#c59f6c", "#93b3bd"),
    floor=("#85694b", "#6a6a6e", "#a0885f", "#596150", "#774f3f"),
    pattern=PATTERNS,  # of the wall
)
