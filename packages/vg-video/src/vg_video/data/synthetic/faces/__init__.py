"""The parts of the built-in portraits: whose they are, how they move, how they are drawn."""
