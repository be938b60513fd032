"""Videos of faces, cropped around the face: a detector, its boxes followed and smoothed over time, square crops."""
