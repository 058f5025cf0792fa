"""Plays back what `recorded_disk.c` wrote down, up to a power cut: what a disk may then hold.

What was synced is there. Of what was not, the disk chooses: nothing; the names without what was written; or of each
folder's names the first few and of each file any of its writes, some in part (`POLICIES`). A file's name is durable
when its folder was synced, its octets when it was: neither brings the other, and a folder that was made has a name.
File systems are kinder than that; which of them, and how, a terminal does not know.
"""

import random
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("recorded_disk.c")
SECTOR: Final = 512
ACKNOWLEDGED: Final = "ACKNOWLEDGED"  # what is written to a file of this name says how far the process has promised
POLICIES: Final = ("nothing", "names", "some")


@dataclass(frozen=True, slots=True)
class Step:
    """One record: what was done, to which file (0: names alone), under which name or names."""

    what: str
    inode: int
    path: Path
    other: Path
    at: int
    data: bytes


@dataclass(slots=True)
class File:
    """A file's octets: as synced, and what was done since."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for at, data in self.since:
            put(self.synced, at, data)
        self.since.clear()

    def after_a_cut(self, policy: str, drawn: random.Random) -> bytes:
        held = bytearray(self.synced)
        if policy == "some":
            for at, data in self.since:
                if drawn.random() < 0.5:
                    torn = data if data is None or drawn.random() < 0.7 else data[: SECTOR * drawn.randrange(8)]
                    put(held, at, torn)
        return bytes(held)


def put(held: bytearray, at: int, data: bytes | None) -> None:
    """Write at a place, or (None) let the file be so long."""
    size = at if data is None else at + len(data)
    held.extend(bytes(max(0, size - len(held))))
    if data is None:
        del held[at:]
    else:
        held[at:size] = data


class CutDisk:
    """A folder as it was at first, and what was done to it."""

    def __init__(self, first: Path, root: Path) -> None:
        self.root = root
        self.promised: list[str] = []
        every = [root / path.relative_to(first) for path in sorted(first.rglob("*"))]
        files = {path: first / path.relative_to(root) for path in every}
        self._names: dict[Path, File | None] = {}
        for path, source in files.items():
            self._names[path] = File(bytearray(source.read_bytes())) if source.is_file() else None
        self._durable = dict(self._names)
        self._pending: defaultdict[Path, list[tuple[tuple[Path, File | None, bool], ...]]] = defaultdict(list)

    def play(self, step: Step) -> None:
        """Do what was done."""
        if step.path.name == ACKNOWLEDGED:
            self.promised += [step.data.decode()] if step.what == "write" else []
        elif not step.path.name.endswith(("-shm", " (deleted)")):  # shared memory, and what no name leads to
            getattr(self, f"_{step.what}")(step)

    def _create(self, step: Step) -> None:
        self._name(step.path, File())

    def _write(self, step: Step) -> None:
        self._file(step).since.append((step.at, step.data))

    def _truncate(self, step: Step) -> None:
        self._file(step).since.append((step.at, None))

    def _sync(self, step: Step) -> None:
        if (found := self._names.get(step.path)) is not None:
            found.sync()
            return
        for one in self._pending.pop(step.path, []):
            self._settle(one)

    def _folder(self, step: Step) -> None:
        self._name(step.path, None)

    def _rename(self, step: Step) -> None:
        moved = self._names.pop(step.path)
        self._names[step.other] = moved
        gone, come = (step.path, None, False), (step.other, moved, True)
        if step.path.parent == step.other.parent:
            self._pending[step.path.parent].append((gone, come))
        else:
            self._pending[step.path.parent].append((gone,))
            self._pending[step.other.parent].append((come,))

    def _link(self, step: Step) -> None:
        self._name(step.other, self._names[step.path])

    def _remove(self, step: Step) -> None:
        del self._names[step.path]
        self._pending[step.path.parent].append(((step.path, None, False),))

    def _name(self, path: Path, file: File | None) -> None:
        self._names[path] = file
        self._pending[path.parent].append(((path, file, True),))

    def _file(self, step: Step) -> File:
        found = self._names[step.path]
        assert found is not None, step.path
        return found

    def _settle(self, change: tuple[tuple[Path, File | None, bool], ...], into: dict | None = None) -> None:
        held = self._durable if into is None else into
        for path, file, there in change:
            if there:
                held[path] = file
            else:
                held.pop(path, None)

    def cut(self, out: Path, *, policy: str, seed: int) -> None:
        """Write to `out` what the disk holds after a power cut now."""
        drawn = random.Random(seed)
        held = dict(self._durable)
        for changes in self._pending.values():
            kept = {"nothing": 0, "names": len(changes), "some": drawn.randint(0, len(changes))}[policy]
            for change in changes[:kept]:
                self._settle(change, held)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for path, file in sorted(held.items()):
            if any(parent not in held for parent in path.parents if self.root in parent.parents):
                continue  # its folder's own name was never durable
            place = out / path.relative_to(self.root)
            if file is None:
                place.mkdir()
            else:
                place.write_bytes(file.after_a_cut(policy, drawn))


def build(folder: Path) -> Path:
    """Return the recorder, built in `folder`."""
    out = folder / "recorded_disk.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", str(out), str(SOURCE), "-ldl", "-lpthread"], check=True, timeout=60
    )
    return out


def recording(recorder: Path, root: Path, log: Path) -> dict[str, str]:
    """Return the environment of a process that is to be recorded."""
    return {"LD_PRELOAD": str(recorder), "RECORD_ROOT": str(root), "RECORD_LOG": str(log)}


def read(log: Path) -> list[Step]:
    """Return what was recorded."""
    raw, at, found = log.read_bytes(), 0, []
    while at < len(raw):
        end = raw.index(b"\n", at)
        what, *rest = raw[at:end].decode().split("\t")
        at = end + 1
        if what in {"rename", "link", "remove", "folder"}:
            found.append(Step(what, 0, Path(rest[0]), Path(rest[1] or "/"), 0, b""))
            continue
        inode, path, place, size = int(rest[0]), Path(rest[1]), int(rest[2]), int(rest[3])
        found.append(Step(what, inode, path, Path("/"), place, raw[at : at + size]))
        at += size
    return found
