"""What _scanning.py found, for people: the table of docs/scanner.md, and recall against the budget as a plot."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

READERS = ("ours", "cascade", "zxing-cpp", "pyzbar")
BARS = (("ours", "#0a6"), ("cascade", "#8cc"), ("pyzbar", "#bbb"))
NAMES = {"ours": "ours", "cascade": "without the soft decoder", "pyzbar": "plain pyzbar"}
Row = dict[str, Any]


def table(told: Iterable[Row]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| on | ours | without the soft decoder | plain zxing-cpp | plain pyzbar |", "|---|---|---|---|---|"]
    rows = list(told)
    for name in dict.fromkeys(row["set"] for row in rows if "reader" in row):
        lines += _stills(name, [row for row in rows if row["set"] == name])
    for row in rows:
        if row["set"] == "streams":
            lines += _streams(row)
        if row["set"] == "blocks":
            told = f"{row['accepted']} of {row['count']}; {row['accepted_bitwise']} of {row['bitwise']}"
            lines.append(_line(["blocks of noise taken for blocks of a code: by words; by bits", told, "", "", ""]))
        if row["set"] == "foreign":
            lines.append(
                _line(
                    [
                        f"{row['frames']} {row['kind']}: false; worst",
                        f"{row['false']}; {row['worst_ms']} ms",
                        "",
                        "",
                        "",
                    ]
                )
            )
        if row["set"] == "child":
            lines += _child(row)
    return "\n".join(lines)


def _stills(name: str, rows: list[Row]) -> list[str]:
    total = {row["reader"]: row for row in rows if row["condition"] == "total"}
    heads = [f"{name}, {total['ours']['frames']} pictures: recall; false; CPU of pyzbar's; median, p95"]
    heads += [
        f"{row['recall'] or 0:.3f}; {row['false']}; {row['ratio']:.2f} ×; {row['median_ms']}, {row['p95_ms']} ms"
        for row in map(total.__getitem__, READERS)
    ]
    lines = [_line(heads)]
    by = {(row["reader"], row["condition"]): row for row in rows}
    for row in rows:
        if row["reader"] == "ours" and row["condition"] != "total":
            told = [_condition(by[reader, row["condition"]]) for reader in ("ours", "cascade")]
            lines.append(_line([f"— {row['condition']}", *told, "", ""]))
    return lines


def _condition(row: Row) -> str:
    told = "" if row["recall"] is None else f"{row['recall']:.3f}; "
    return f"{told}{row['ratio']:.2f} ×; p95 {row['p95_ms']:.1f} ms"


def _streams(row: Row) -> list[str]:
    first, cost = f"{row['read']}; {row['mean']}", f"{row['busy_ratio']:.2f} ×; {row['idle_ratio']:.2f} ×"
    return [
        _line([f"{row['count']} streams: read; mean frames to the first read", first, "", "", ""]),
        _line(["CPU of pyzbar's in them: busy; idle", cost, "", "", ""]),
    ]


def _child(row: Row) -> list[str]:
    child = f"{row['cpu_share']:.1%} of a core; {row['above_imports_mb']} MB"
    lines = [_line([f"child at 15 fps, {row['scene']}: CPU; memory above its imports", child, "", "", ""])]
    if row["sights"]:
        late = f"{row['capture_to_lane_ms_p50']} and {row['capture_to_lane_ms_p95']} ms"
        lines.append(_line(["captured → at the lane, p50 and p95", late, "", "", ""]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def bars(told: Iterable[Row], path: Path) -> None:
    """Draw recall of the first set by condition and by distance as SVG: ours, without the soft decoder, pyzbar."""
    rows = [row for row in told if "reader" in row]
    read = {
        (row["reader"], row["condition"]): row["recall"]
        for row in rows
        if row["set"] == rows[0]["set"] and row["recall"] is not None and row["condition"] != "total"
    }
    kinds = list(dict.fromkeys(condition for _, condition in read))
    near = [kind for kind in kinds if kind.endswith(" px")]
    order = [kind for kind in kinds if kind not in near] + sorted(near, key=lambda kind: float(kind[:-3]))
    left, top, high, step = 50, 40, 220, 46
    parts = [
        f'<path d="M{left} {top + high * (1 - y / 4):.0f}h{step * len(order)}" stroke="#ddd"/>'
        f'<text x="{left - 6}" y="{top + high * (1 - y / 4) + 4:.0f}" text-anchor="end">{y / 4:.2f}</text>'
        for y in range(5)
    ]
    for at, kind in enumerate(order):
        x = left + at * step
        for bar, (reader, colour) in enumerate(BARS):
            tall = high * read.get((reader, kind), 0.0)
            parts.append(
                f'<rect x="{x + 4 + 13 * bar}" y="{top + high - tall:.1f}" width="12" height="{tall:.1f}" '
                f'fill="{colour}"/>'
            )
        parts.append(f'<text x="{x + step / 2:.0f}" y="{top + high + 16}" text-anchor="middle">{kind}</text>')
    for bar, (reader, colour) in enumerate(BARS):
        parts.append(f'<rect x="{left + 170 * bar}" y="12" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{left + 18 + 170 * bar}" y="23">{NAMES[reader]}</text>')
    size = f"0 0 {left + step * len(order) + 10} {top + high + 28}"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" font-size="10">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n',
        "utf-8",
    )


def plot(curves: dict[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """Draw recall against the budget as SVG, a curve for each reader."""
    left, top, width, height, most = 60, 20, 540, 280, 40
    grid = "".join(
        f'<path d="M{left} {top + (1 - y / 10) * height:.0f}h{width}" stroke="#ddd"/>'
        f'<text x="{left - 8}" y="{top + (1 - y / 10) * height + 4:.0f}" text-anchor="end">{y / 10:.1f}</text>'
        for y in range(0, 11, 2)
    ) + "".join(
        f'<text x="{left + x / most * width:.0f}" y="{top + height + 18}" text-anchor="middle">{x}</text>'
        for x in range(0, most + 1, 5)
    )
    lines = ""
    for at, (reader, rows) in enumerate(curves.items()):
        colour = dict(BARS)[reader]
        points = [(f"{left + b / most * width:.1f}", f"{top + (1 - r) * height:.1f}") for b, r in rows]
        lines += (
            f'<polyline points="{" ".join(map(",".join, points))}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        lines += "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points)
        lines += f'<text x="420" y="{top + height - 20 - 18 * at}" fill="{colour}">{NAMES[reader]}</text>'
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 350" font-family="sans-serif" font-size="12">'
        f'<rect width="640" height="350" fill="#fff"/>{grid}{lines}'
        '<text x="330" y="340" text-anchor="middle">budget, CPU ms a frame</text>'
        '<text x="16" y="160" text-anchor="middle" transform="rotate(-90 16 160)">recall, drawn frames</text></svg>\n',
        "utf-8",
    )
