"""What stands beside a lane: light, sound, paper. They hear what screens hear; nobody waits for them."""
