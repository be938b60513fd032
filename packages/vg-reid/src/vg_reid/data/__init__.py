"""Photos of persons: how they lie on disk, how they become tensors, and a built-in synthetic set."""
