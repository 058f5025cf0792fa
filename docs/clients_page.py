"""docs/clients.md: the programs that `make clients` plays, shown as they are (`docs/make.py`)."""

import ast
from pathlib import Path

STORIES = Path(__file__).parent.parent / "tests" / "clients" / "stories"
HEAD = """# Programs to start from

Written by `make docs` from `tests/clients/stories/`. These programs are not samples: `make clients` (a stage of every
run of the CI) starts a platform, its office and a terminal, generates a TypeScript and a Python client from what they
serve as `/openapi.json`, holds the programs against the generated types, and plays each of them. What they were
answered are the examples in the descriptions.

Generate a client of your own the same way, from a terminal that runs:

```sh
curl -s http://127.0.0.1:8470/openapi.json -o terminal.json
npx openapi-typescript terminal.json -o terminal_api.ts
openapi-python-client generate --path terminal.json --meta none
```

`told` is what such a program has to know (addresses, tokens, somebody with a phone) and two or three helpers; it
stands at the end. `same(found, expected, what)` is what a program relies on.
"""
ORDER = ("turnstile", "sale", "stay", "second_check", "office")
TITLES = {
    "turnstile": "A turnstile 闸机",
    "sale": "A sale 收银",
    "stay": "A stay 住宿",
    "second_check": "A second check 第二码核验",
    "office": "A measure 惩戒措施",
    "phone": "A visitor's phone 小程序",
    "vendor": "A terminal of another make 别家终端",
    "told": "What they are told",
}


def page() -> str:
    """Return docs/clients.md."""
    parts = [HEAD]
    for name in (*ORDER, "phone", "vendor", "told"):
        parts.append(f"## {TITLES[name]}\n\n{_summary(name)}\n")
        for kind, ending in (("ts", "ts"), ("python", "py")):
            file = STORIES / f"{name}.{ending}"
            if file.exists():
                parts.append(f"```{kind}\n{_told(file)}\n```\n")
    return "\n".join(parts)


def programs() -> set[str]:
    """Return the names of all programs there are."""
    return {file.stem for file in STORIES.glob("*.py")}


def _summary(name: str) -> str:
    return ast.get_docstring(ast.parse((STORIES / f"{name}.py").read_text("utf-8"))) or ""


def _told(file: Path) -> str:
    """Return a program without the words that stand above it on the page."""
    text = file.read_text("utf-8").strip()
    if file.suffix == ".py":
        return text.split('"""', 2)[2].strip()
    return text.partition("\n")[2].strip()
