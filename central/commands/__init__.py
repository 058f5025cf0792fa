"""The platform's commands: each has `add_arguments` and `run`, and is imported only when it is called."""
