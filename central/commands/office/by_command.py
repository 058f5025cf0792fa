"""Who acts when a command is typed: whoever the machine says it is, with the folder in their hands."""

import os
import pwd

from central.register.accounts.duties import Person


def by_command() -> Person:
    """Return the person at the keyboard, for the office journal. A command needs no duty: it holds every key anyway."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return Person(operator=f"@{user}", title=user, duties=(), via="command")
