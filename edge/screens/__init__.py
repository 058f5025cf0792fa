"""What people look at: the gate, desk and counter screens, plain files without a build step."""
