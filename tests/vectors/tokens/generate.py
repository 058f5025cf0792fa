"""Writes the vector files beside this script; each run writes the same bytes.

python tests/vectors/tokens/generate.py            # then: git diff --exit-code tests/vectors
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import claims_cases  # noqa: E402 - beside this script
import encoding_cases  # noqa: E402
import issuing_cases  # noqa: E402
import keyfile_cases  # noqa: E402
import kit  # noqa: E402
import presenting_cases  # noqa: E402

FILES = {
    "encoding.json": ("Text and bytes: steps 1 to 5", encoding_cases),
    "issuing.json": ("The issuer's key and signature: steps 6 to 9, and the order of steps", issuing_cases),
    "claims.json": ("What the issuer says: steps 10 and 11", claims_cases),
    "presenting.json": ("The holder: steps 12 to 14", presenting_cases),
}


def files():
    """Yield each file's name and text."""
    for name, (title, module) in FILES.items():
        vectors = list(module.cases())
        names = [vector["name"] for vector in vectors]
        assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
        used = {vector["keyring"] for vector in vectors}
        keyrings = {ring: rows for ring, rows in kit.KEYRINGS.items() if ring in used}
        whole = {"format": "xg1-tokens-1", "title": title, "keyrings": keyrings, "vectors": vectors}
        yield name, written(whole)
    keyfiles = {"format": "xg1-keyfiles-1", "title": "Key files", "vectors": list(keyfile_cases.cases())}
    yield "keyfiles.json", written(keyfiles)


def written(whole):
    return json.dumps(whole, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for name, text in files():
        (HERE / name).write_text(text, encoding="ascii")
