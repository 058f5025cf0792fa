"""What `xinguan doctor` looks at beside the terminal's own files: the machine, the platform, what is plugged in."""
