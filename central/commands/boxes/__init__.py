"""What the platform's people do about single boxes: taking in the journal of a rescued card."""
