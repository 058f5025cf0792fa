"""What other gates of a site need of what one gave: open things, purchases, passes, who is inside. See `telling`."""
