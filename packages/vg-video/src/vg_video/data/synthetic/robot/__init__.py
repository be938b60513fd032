"""The parts of the built-in robot: its scenes, how it moves and pushes, how it is drawn."""
