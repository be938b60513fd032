"""Training of chapter 6 from the command line: warm-ups, GCL, and the table of its losses."""
