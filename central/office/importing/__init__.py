"""Registers taken in from files: read within bounds, checked by row, shown before anything changes, undone whole."""
