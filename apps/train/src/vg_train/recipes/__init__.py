"""Recipes: functions that return the settings of a run, one file a system."""
