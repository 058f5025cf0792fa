"""One thing that doctor looked at, in both languages, with its mend."""

from dataclasses import dataclass

from edge.watch.causes import CAUSES


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` is empty when it is well."""

    name: str
    zh: str
    en: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        """Return whether nothing wants mending."""
        return not self.mend


def said(name: str, cause: str, detail: str = "") -> Finding:
    """Return a finding in the very words of the service page."""
    words = CAUSES[cause]
    zh, en = (text.replace("{detail}", detail) for text in (words.zh, words.en))
    return Finding(name, zh, en, f"{words.mend_zh} · {words.mend_en}" if words.mend_en else "")
