"""What a storm's figures look like: as a table, as data, and as curves."""

import math
import os
import platform
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from xml.sax.saxutils import escape

from luna_lab.storm import StormPlan, StormResult
from luna_lab.storm_node import STEPS

# Those that nodes and controller may use.
PROCESSORS = len(os.sched_getaffinity(0))
SHARES = (0.01, 0.5, 0.99, 1.0)
# What the sizes and rates of a storm are compared with.
_REAL_MBIT = 1000
_COLUMNS = 100
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 900, 420, 60, 40, 40
_COLOURS = ("#4e79a7", "#76b7b2", "#59a14f", "#f28e2b", "#e15759", "#b07aa1", "#edc948", "#2f4b7c")


def when(seconds: Sequence[float], share: float, nodes: int) -> float | None:
    """When this share of all nodes had a step, None if so many never had."""
    needed = math.ceil(share * nodes)
    return sorted(seconds)[needed - 1] if len(seconds) >= needed else None


def data(plan: StormPlan, result: StormResult) -> dict[str, Any]:
    """Everything, for `-o json`; times are in seconds."""
    sizes = vars(plan.sizes)
    return {
        **{name: getattr(plan, name) for name in ("nodes", "transport", "mbit", "controller_mbit", "racks")},
        **{name: getattr(plan, name) for name in ("uplink_mbit", "relays", "wave", "settings")},
        **sizes,
        "finished": result.finished(),
        "took_s": round(result.took_s, 2),
        "steps": [_row(plan, result, step) for step in STEPS if step in result.steps],
        "failed": {f"node{number:04}": reason for number, reason in sorted(result.failed.items())},
        "troubles": result.troubles,
        "controller_bytes": result.controller_bytes,
        "uplink_bytes": result.uplink_bytes,
        "boot_bytes_from_relays": result.relayed_bytes,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "luna": version("luna-core"),
        "machine": platform.platform(),
        "processors": PROCESSORS,
        "nodes_cpu_s": round(result.nodes_cpu_s, 2),
        "controller_cpu_s": round(result.controller_cpu_s, 2),
        "image_bytes_from_peers": result.peer_bytes,
        "image_bytes_from_controller": result.server_bytes,
    }


def table(plan: StormPlan, result: StormResult) -> Iterator[str]:
    """The same for people."""
    yield from textwrap.wrap(f"{plan.nodes} nodes, {plan.transport}: {scale(plan)}", _COLUMNS)
    yield f"{'':16}" + "".join(f"{title:>10}" for title in ("1 %", "50 %", "99 %", "all")) + "  of nodes had it after"
    for step in STEPS:
        row = _row(plan, result, step)
        times = ("" if row[key] is None else f"{row[key]:.1f} s" for key in ("first_s", "half_s", "most_s", "all_s"))
        yield f"{step:16}" + "".join(f"{text:>10}" for text in times)
    copies = result.server_bytes / max(1, plan.sizes.image_bytes)
    yield (
        f"{result.finished()} of {plan.nodes} nodes finished, {len(result.failed)} failed, "
        f"{len(result.troubles)} requests had to be tried again."
    )
    yield (
        f"The controller sent {result.controller_bytes / 1e6:.0f} MB in all; of the image {copies:.1f} copies; "
        f"nodes gave each other {result.peer_bytes / 1e6:.0f} MB."
    )
    spent_s = result.nodes_cpu_s + result.controller_cpu_s
    yield (
        f"{PROCESSORS} processors, {spent_s / max(result.took_s, 0.001) / PROCESSORS:.0%} of their time: "
        f"nodes {result.nodes_cpu_s:.1f} s, controller {result.controller_cpu_s:.1f} s."
    )
    if plan.racks:
        per_node = result.uplink_bytes / plan.nodes / max(1, plan.sizes.image_bytes)
        yield f"{result.uplink_bytes / 1e6:.0f} MB came down the racks' uplinks: {per_node:.2f} images a node."


def scale(plan: StormPlan) -> str:
    """What these sizes and rates stand for."""
    sizes = plan.sizes
    boot = (sizes.kernel_bytes + sizes.initramfs_bytes) / 1e6
    said = f"image {sizes.image_bytes / 1e6:.1f} MB, kernel and initramfs {boot:.2f} MB"
    if not plan.mbit:
        return f"{said}, links as fast as they are"
    controller = f"{plan.controller_mbit:g}" if plan.controller_mbit else "as fast as it is"
    rates = f"links of {plan.mbit:g} Mbit/s, the controller's {controller}"
    slower = _REAL_MBIT / plan.mbit
    return (
        f"{said}; {rates}. Transfers take as long as those of files {slower:.0f} times as large by 1 Gbit/s; "
        "what the controller computes is not scaled."
    )


def _row(plan: StormPlan, result: StormResult, step: str) -> dict[str, Any]:
    seconds = list(result.steps.get(step, {}).values())

    def times(shares: Sequence[float]) -> list[float | None]:
        found = [when(seconds, share, plan.nodes) for share in shares]
        return [None if one is None else round(one, 2) for one in found]

    return {
        "step": step,
        "nodes": len(seconds),
        **dict(zip(("first_s", "half_s", "most_s", "all_s"), times(SHARES), strict=True)),
        "tenths_s": times([part / 10 for part in range(1, 11)]),
    }


def curves(title: str, series: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> str:
    """An SVG 1.1 document with a curve for each of `series`, points of x and y; both axes begin at 0."""
    points = [point for one in series.values() for point in one]
    marks_x, marks_y = (_marks(max((point[axis] for point in points), default=1.0)) for axis in (0, 1))
    most_x, most_y = marks_x[-1], marks_y[-1]

    def place(point: tuple[float, float]) -> str:
        right, up = point[0] / most_x, point[1] / most_y
        return f"{_LEFT + right * (_WIDTH - _LEFT - 150):.1f},{_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" '
        f'font-size="11"><rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="13">{escape(title)}</text>',
    ]
    for mark in marks_x:
        left = place((mark, 0)).split(",")[0]
        parts.append(f'<text x="{left}" y="{_HEIGHT - 22}" text-anchor="middle">{mark:g}</text>')
    for mark in marks_y:
        across, high = place((most_x, mark)).split(",")
        parts.append(f'<text x="{_LEFT - 6}" y="{high}" text-anchor="end">{mark:g}</text>')
        parts.append(f'<line x1="{_LEFT}" x2="{across}" y1="{high}" y2="{high}" stroke="#ddd"/>')
    parts.append(f'<text x="{_WIDTH - 150}" y="{_HEIGHT - 8}" text-anchor="end">{escape(x)}</text>')
    parts.append(f'<text x="6" y="{_TOP - 14}">{escape(y)}</text>')
    for index, (name, line) in enumerate(series.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(map(place, line))}"/>'
        )
        parts.append(f'<text x="{_WIDTH - 140}" y="{_TOP + 16 * index}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _marks(most: float) -> list[float]:
    """Round numbers from 0 to `most` or a little more, seven of them at most."""
    power = 10 ** math.floor(math.log10(most or 1.0))
    step = next(step for step in (power / 5, power / 2, power, 2 * power) if (most or 1.0) <= 6 * step)
    return [part * step for part in range(math.ceil((most or 1.0) / step) + 1)]


def picture(plan: StormPlan, result: StormResult) -> str:
    """How many nodes had each step by when, as curves."""
    series = {}
    for step in (one for one in STEPS if one in result.steps):
        times = sorted(result.steps[step].values())
        series[step] = [(0.0, 0.0), *((second, float(count)) for count, second in enumerate(times, 1))]
    return curves(f"{plan.nodes} nodes, {plan.transport}", series, "seconds", "nodes")
