"""What the office does by itself, with or without its pages: `schedule` puts in force, finishes, blocks, tidies."""
