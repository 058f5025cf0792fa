"""What one person does at once, and everybody is told: killing a key, and looking over what was done alone."""
