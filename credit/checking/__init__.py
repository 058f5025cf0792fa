"""What is wrong or doubtful in a catalogue before it is signed; pure, for desk, command line and platform alike."""
