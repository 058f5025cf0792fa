"""A file of totals: a line for each run that ended well, so that long work can be done in pieces."""


def earlier(path):
    """Return the lines that stand there already; none without a file."""
    return path.read_text().splitlines() if path and path.exists() else []


def noted(path, line):
    """Print a line, and add it to the file if there shall be one."""
    print(line, flush=True)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{line}\n")
    return line
