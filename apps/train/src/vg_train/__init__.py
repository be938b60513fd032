"""Train, sample and score the systems of vg: the command line, run folders, recipes and the demo."""
