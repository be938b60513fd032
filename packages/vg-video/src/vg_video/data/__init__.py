"""Videos on disk become clips: reading and writing, folders, random clips, the decoded cache, built-in figures."""
