"""What a robot's place looks like: table, arm, wall, and four things on the table."""

from vg_video.data.synthetic.looks import Looks

COLORS = ("#d23f3a", "#2f6fc4", "#3b9c57", "#f0b92f", "#8a4fb0", "#ef7f2e", "#f3efe6", "#33b0a6")
RADII = {"ball": 0.20, "can": 0.17, "cube": 0.20, "duck": 0.21}  # of the place that a thing takes on the table
KINDS = tuple(RADII)
THINGS = 4

SCENES = Looks(
    table=("#c2915c", "#8f6844", "#dcc7a2", "#a3abb3", "#7d8f80", "#c9b0a0"),
    boards=("plain", "planks", "squares"),
    wall=("#46505f", "#d8d2c4", "#a9bcc7", "#c9b19f", "#7f9187", "#b7a9c4"),
    arm=("#d9463d", "#ece9e2", "#f0a030", "#4a525f", "#4f87c7", "#73b06c"),
    joints=("#2b2e35", "#8b929d", "#e0bd55"),
    thing1=KINDS,
    color1=COLORS,
    thing2=KINDS,
    color2=COLORS,
    thing3=KINDS,
    color3=COLORS,
    thing4=KINDS,
    color4=COLORS,
)
