"""The console's pages: each looks something up and shows it; what changes something is a form of `central.office`."""
