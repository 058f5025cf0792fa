"""Measures the scanner beside plain pyzbar and plain zxing-cpp on the same frames; prints the table of docs/scanner.md.

Recall counts pictures with a right text; `false` counts texts that nobody expected. Times are CPU milliseconds of this
thread, so a shared machine disturbs little; `ratio` is ours over pyzbar's in the same run. A corpus folder holds
<category>/<picture> and labels.json or truth.json: {picture: {"codes": [{"text": …}]}}.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zxingcpp
from pyzbar import pyzbar

from scanner.camera.pipe import clean
from scanner.decode import MEND, Config, StreamReader, read_codes
from scanner.reading.cascade import Budget
from scanner.source import Source
from scanner.sources import open_source

HERE = Path(__file__).parent
BUDGETS = (1, 2, 3, 4, 6, 8, 10, 14, 18, 25, 40)
FPS = 15
FRAME = (1280, 720)
CASCADE = Config(mend=None)
HARD = ("tilt", "defocus", "motion", "glare", "lowlight", "mixed")


def load(name: str) -> Any:
    """Load a module of this folder, which is not on the path."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec and spec.loader  # noqa: S101, PT018 - a file of our own
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


drawn, film, report, cameras = load("_gate_frames"), load("_film"), load("_scanning_report"), load("_cameras")
foreign = load("_foreign")
Texts = tuple[str, ...]


def with_pyzbar(frame: Any) -> Texts:
    """Read as most programs do."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return tuple(c.data.decode("utf-8", "replace") for c in pyzbar.decode(grey, symbols=[pyzbar.ZBarSymbol.QRCODE]))


def with_cascade(frame: Any) -> Texts:
    """Read as we do, but without the soft decoder."""
    return read_codes(frame, config=CASCADE)


def with_zxing(frame: Any) -> Texts:
    """Read with zxing-cpp as it comes, but for QR codes only."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return tuple(code.text for code in zxingcpp.read_barcodes(grey, formats=formats))


@dataclass(slots=True)
class Score:
    """Sums over frames."""

    shown: int = 0
    read: int = 0
    false: int = 0
    ms: list[float] = field(default_factory=list)

    def add(self, expected: Texts, got: Texts, ms: float, *, complete: bool = True) -> None:
        """Note one frame; with `complete` false somebody else may have put codes there that we do not know."""
        self.ms.append(ms)
        if expected:
            self.shown += 1
            self.read += any(same(a, b) for a in expected for b in got)
        if complete:
            self.false += sum(not any(same(a, b) for a in expected) for b in got)

    def figures(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {
            "frames": len(self.ms),
            "recall": round(self.read / self.shown, 3) if self.shown else None,
            "false": self.false,
            "median_ms": round(statistics.median(self.ms), 2),
            "p95_ms": round(float(np.percentile(self.ms, 95)), 2),
            "mean_ms": round(statistics.fmean(self.ms), 2),
        }


def same(a: str, b: str) -> bool:
    """Compare texts; decoders guess character sets and ends of lines differently, so these do not count."""
    a, b = (text.replace("\r\n", "\n").strip() for text in (a, b))
    if a == b:
        return True
    left, right = ("".join(c for c in text if " " < c < "\x7f" and c != "\\") for text in (a, b))
    return len(left) >= 5 and left == right and not (a + b).isascii()


def timed(read: Callable[[Any], Texts], frame: Any) -> tuple[Texts, float]:
    """Return what is read and the CPU milliseconds it took."""
    began = time.thread_time()
    texts = read(frame)
    return texts, (time.thread_time() - began) * 1000


told: list[dict[str, Any]] = []  # every figure, in the order in which it was found


def tell(**figures: Any) -> None:
    """Keep one set of figures, and show that something happens."""
    told.append(figures)
    sys.stderr.write(json.dumps(figures, ensure_ascii=False) + "\n")


def measure(name: str, shots: Iterable[Any]) -> None:
    """Tell the figures of still pictures, by condition and in total, for the four readers.

    Whoever looks first at a picture pays for bringing it into the processor's caches (0.2 ms), so they begin in turn.
    """
    readers: dict[str, Callable[[Any], Texts]] = {
        "ours": read_codes,
        "cascade": with_cascade,
        "zxing-cpp": with_zxing,
        "pyzbar": with_pyzbar,
    }
    scores: dict[tuple[str, str], Score] = defaultdict(Score)
    turns = deque(readers.items())
    for shot in shots:
        turns.rotate(-1)
        for reader, read in turns:
            got, ms = timed(read, shot.frame)
            for condition in (shot.condition, *distance(shot), "total"):
                scores[reader, condition].add(shot.texts, got, ms, complete=not shot.name.startswith("?"))
    for (reader, condition), score in scores.items():
        ratio = sum(score.ms) / sum(scores["pyzbar", condition].ms)
        tell(set=name, reader=reader, condition=condition, **score.figures(), ratio=round(ratio, 3))


def distance(shot: Any) -> tuple[str, ...]:
    """Return the distance of a drawn shot, in pixels a module, as a condition of its own."""
    _, slash, rest = shot.name.partition("/")
    return (f"{rest.split('_')[0]} px",) if slash and "_" in rest and shot.texts and rest[0].isdigit() else ()


def corpus(folder: Path) -> Iterator[Any]:
    """Yield the pictures of a labelled folder, scaled down to fit a camera's frame."""
    labels = next(folder / name for name in ("labels.json", "truth.json") if (folder / name).exists())
    for key, value in sorted(json.loads(labels.read_text("utf-8")).items()):
        frame = cv2.imread(str(folder / key))
        scale = min(1.0, FRAME[0] / frame.shape[1], FRAME[1] / frame.shape[0])
        if scale < 1:
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        texts = [code["text"] for code in value["codes"]]
        name = key if None not in texts else f"?{key}"
        yield drawn.Shot(name, frame, tuple(t or "\0" for t in texts), key.split("/")[0])


def measure_streams(seed: int, count: int) -> None:
    """Tell how soon a passing phone is read, and what that costs beside pyzbar on every frame."""
    delays, busy, idle, pyz_busy, pyz_idle = [], [], [], [], []
    for number in range(count):
        reader, shown, first = StreamReader(), 0, None
        for shot in drawn.stream(seed, number):
            got, ms = timed(reader.read, shot.frame)
            _, reference = timed(with_pyzbar, shot.frame)
            (busy if shot.texts else idle).append(ms)
            (pyz_busy if shot.texts else pyz_idle).append(reference)
            shown += bool(shot.texts)
            if first is None and set(got) & set(shot.texts):
                first = shown
        delays.append(first)
    tell(
        set="streams",
        count=count,
        read=sum(d is not None for d in delays),
        frames_to_first_read=delays,
        mean=round(statistics.fmean(d for d in delays if d is not None), 2),
        busy_ratio=round(sum(busy) / sum(pyz_busy), 3),
        idle_ratio=round(sum(idle) / sum(pyz_idle), 3),
    )


def measure_foreign(seed: int, count: int) -> None:
    """Tell what is read, in stills and in a stream, of pictures that hold no code of ours: no other text may be."""
    stream = StreamReader()
    scores: dict[str, Score] = defaultdict(Score)
    for name, frame, text in foreign.pictures(seed, count):
        expected = (text,) if text else ()
        got, ms = timed(read_codes, frame)
        scores[name].add(expected, got + stream.read(frame), ms)
    for name, score in scores.items():
        tell(set="foreign", kind=name, **score.figures(), worst_ms=round(max(score.ms), 1))


def measure_blocks(seed: int, count: int) -> None:
    """Tell how many blocks of noise the soft decoder takes for blocks of a code."""
    by_words, by_bits, most = foreign.blocks(seed, count)
    bitwise = count * foreign.BITWISE // 100
    tell(
        set="blocks",
        count=count,
        accepted=by_words,
        bitwise=bitwise,
        accepted_bitwise=by_bits,
        likeliest=round(most, 1),
    )


def budgets(shots: list[Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (budget, recall) for each budget, with as much for the soft decoder once more, and without it."""
    curves: dict[str, list[tuple[float, float]]] = {"ours": [], "cascade": []}
    for budget in BUDGETS:
        for reader, mend in (("ours", replace(MEND, still_ms=float(budget))), ("cascade", None)):
            config, score = Config(still=Budget(budget, min(budget, 5.0)), mend=mend), Score()
            for shot in shots:
                score.add(shot.texts, *timed(lambda frame, c=config: read_codes(frame, config=c), shot.frame))
            curves[reader].append((float(budget), score.read / score.shown))
            recall, mean = round(curves[reader][-1][1], 3), round(statistics.fmean(score.ms), 2)
            tell(set="budget", curve=reader, budget_ms=budget, mean_ms=mean, recall=recall)
    return curves


class Wall:
    """The wall clock."""

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        return time.time_ns() // 1_000_000


def spent(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def live(name: str, frames: list[bytes], seconds: float, *, codes: bool) -> None:
    """Tell latency, CPU and memory of the real child at 15 fps."""
    with film.Film(frames, FPS) as shown:
        await _live(name, shown.url, seconds, codes=codes)


async def _live(name: str, url: str, seconds: float, *, codes: bool) -> None:
    late: list[float] = []
    async with open_source(url, clock=Wall()) as source:
        while not source.health.ready:  # noqa: ASYNC110 - a look now and then at a value
            await asyncio.sleep(0.05)
        pid = child()
        began, cpu = time.monotonic(), spent(pid)
        if codes:
            await _listen(source, late, seconds)
        else:
            await asyncio.sleep(seconds)
        share = (spent(pid) - cpu) / (time.monotonic() - began)
        tell(
            set="child",
            scene=name,
            cpu_share=round(share, 3),
            rss_mb=round(source.health.rss_bytes / 2**20, 1),
            above_imports_mb=round((source.health.rss_bytes - floor_bytes()) / 2**20, 1),
            sights=len(late),
            capture_to_lane_ms_p50=round(statistics.median(late), 1) if late else None,
            capture_to_lane_ms_p95=round(float(np.percentile(late, 95)), 1) if late else None,
        )


async def _listen(source: Source, late: list[float], seconds: float) -> None:
    clock = Wall()
    try:
        async with asyncio.timeout(seconds):
            async for presented in source:
                late.append(clock.now_ms() - presented.at_ms)  # noqa: PERF401 - kept when the time is up
    except TimeoutError:
        return


def child() -> int:
    """Return the process id of the scanner child."""
    for task in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in task.read_text("ascii").split():
            if b"scanner\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    raise RuntimeError("no scanner child")


def floor_bytes() -> int:
    """Return the memory of a process that only imports the libraries."""
    code = (
        "import cv2, zxingcpp, resource; from pyzbar import pyzbar\n"
        "print(int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize())"
    )
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    return int(subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True, env=env).stdout)


def arguments() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(prog="bench/scanner.py")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=1, help="frames of each condition and distance")
    parser.add_argument("--cameras", action="store_true", help="the hard frames again, as other cameras give them")
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each scene before the real child")
    parser.add_argument("--corpus", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--foreign", type=int, default=0, metavar="N", help="pictures without a code of ours")
    parser.add_argument("--blocks", type=int, default=0, metavar="N", help="blocks of noise before the soft decoder")
    parser.add_argument("--plot", type=Path, metavar="SVG", help="draw recall against the budget")
    parser.add_argument("--bars", type=Path, metavar="SVG", help="draw recall by condition and distance")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every figure as a JSON line")
    return parser.parse_args()


def main() -> None:
    """Measure what the arguments ask for."""
    args = arguments()
    cv2.setNumThreads(1)
    shots = list(drawn.stills(args.seed, args.each))
    measure_pictures(args, shots)
    if args.foreign:
        measure_foreign(args.seed, args.foreign)
    if args.blocks:
        measure_blocks(args.seed, args.blocks)
    if args.streams:
        measure_streams(args.seed, args.streams)
    if args.bars:
        report.bars(told, args.bars)
    if args.plot:
        report.plot(budgets(shots), args.plot)
    if args.seconds:
        measure_child(args.seed, shots, args.seconds)
    if args.json:
        args.json.write_text("".join(json.dumps(figures, ensure_ascii=False) + "\n" for figures in told), "utf-8")
    print(report.table(told))


def measure_pictures(args: argparse.Namespace, shots: list[Any]) -> None:
    """Tell the figures of all still pictures that are asked for."""
    if shots:
        measure("drawn", shots)
    if args.cameras:
        hard = [shot for shot in shots if shot.condition in HARD]
        for name, change in cameras.CAMERAS.items():
            measure(name, [replace(shot, frame=change(shot.frame)) for shot in hard])
    for folder in args.corpus:
        measure(clean(folder.name), corpus(folder))


def measure_child(seed: int, shots: list[Any], seconds: float) -> None:
    """Tell what the real child costs, and how late it is, before a phone, before codes it must mend, before nothing."""
    passing = [shot.frame for shot in drawn.stream(seed, 0, idle=1, coming=1, held=30, going=0)][2:]
    spoiled = [shot.frame for shot in shots if not with_cascade(shot.frame) and read_codes(shot.frame)]
    empty = [shot.frame for shot in drawn.stream(seed, 0, idle=10, coming=1, held=0, going=0)][:10]
    for name, frames, codes in (("busy", passing, True), ("mended", spoiled, True), ("idle", empty, False)):
        if frames:
            packed = [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]
            asyncio.run(live(name, packed, seconds, codes=codes))


if __name__ == "__main__":
    main()
