"""Light and sound at a lane: what a screen tells, for those who do not see it. Nothing waits for them; read `cues`."""
