"""What people may ask of the office about themselves, what is held, to be forgotten; and how long anything is held."""
