"""What the commands compute: folders and files in, one `Result` out."""
