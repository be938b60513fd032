"""Scores for generated video, images and re-identification, under named protocols."""
