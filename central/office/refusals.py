"""What the office refuses, in words that help; each is one kind of answer for pages, calls and commands."""


class OfficeError(Exception):
    """The office cannot do what was asked. The text is for the person who asked, in both languages."""


class RefusedError(OfficeError):
    """What was asked breaks a rule; the text names the mend."""


class NotThereError(OfficeError):
    """There is no such draft, case, application or grant, or it is another city's."""


class OvertakenError(OfficeError):
    """Somebody else changed it in the meantime: look again, then decide."""
