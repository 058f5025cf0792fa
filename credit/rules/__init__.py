"""What the signed lists say, as typed values: benefits, calendars, measures, and how they are read."""
