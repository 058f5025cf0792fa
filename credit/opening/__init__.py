"""From a presented text to typed claims, nothing of it proved yet: the steps of `credit.tokens`. Start at `layers`."""
