"""`vg-train probe`: whether a model obeys labels, and what its appearance and motion inputs decide."""
