"""The commands of `xinguan`: each has `add_arguments` and `run`, and is imported only when it is called."""
