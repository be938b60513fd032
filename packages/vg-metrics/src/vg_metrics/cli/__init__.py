"""The command line: what each command takes; what it computes with is imported when it runs."""
