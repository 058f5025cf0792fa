"""Why a list does not come into force, or cannot be read any more."""


class ContentRefusedError(Exception):
    """A document that verified but does not say what it must. The text names path, member and mend."""


class BrokenChainError(ContentRefusedError):
    """Deltas that do not lead to the signed root; the base does. It is fetched and laid anew."""
