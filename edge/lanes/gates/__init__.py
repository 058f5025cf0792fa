"""What a lane remembers of its gate between two codes: whose opening it is, and which attempt waits to be sent."""
