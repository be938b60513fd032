"""Videos on disk become clips: files, folders, datasets, random clips, the decoded cache, built-in sets."""
