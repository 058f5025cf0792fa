"""From a proof to a settled figure, in the background: load, judge in another process, write. Read `rounds` first."""
