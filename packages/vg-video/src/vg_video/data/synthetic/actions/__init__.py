"""The parts of the built-in moving persons: who they are, how they move, how they are drawn."""
