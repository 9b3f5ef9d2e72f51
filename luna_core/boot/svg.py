"""The boots of many nodes as one SVG picture: a row for each node, a coloured bar for each phase."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from luna_core.boot.trace import Span, Timeline

ROW = 19
BAR = 14
LEFT = 110
RIGHT = 90
WIDTH = 900
TOP = 46
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#9c755f", "#bab0ac", "#ff9da7", "#2f4b7c")
FAILED = "#e15759"


def picture(timelines: Sequence[Timeline]) -> str:
    """An SVG 1.1 document; times are seconds since the first node was recognised."""
    begin = min((one.opened for one in timelines), default=None)
    phases = list(dict.fromkeys(span.phase for one in timelines for span in one.spans))
    colours = {phase: COLOURS[index % len(COLOURS)] for index, phase in enumerate(phases)}
    offsets = [(one.opened - begin).total_seconds() if begin else 0.0 for one in timelines]
    total_s = max((offset + one.total_s for offset, one in zip(offsets, timelines, strict=True)), default=1.0) or 1.0
    height = TOP + ROW * len(timelines) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"',
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *_legend(colours),
        *_axis(total_s, height),
    ]
    for index, (offset, one) in enumerate(zip(offsets, timelines, strict=True)):
        parts += _row(one, offset, total_s, TOP + ROW * index, colours)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(colours: dict[str, str]) -> list[str]:
    parts = []
    for index, (phase, colour) in enumerate(colours.items()):
        x = 8 + index * 88
        parts.append(f'<rect x="{x}" y="8" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="17">{escape(phase)}</text>')
    return parts


def _axis(total_s: float, height: int) -> list[str]:
    step = next(one for one in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 10**9) if total_s / one <= 12)
    parts = []
    second = 0
    while second <= total_s:
        x = _x(second, total_s)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 24}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" fill="#555">{second} s</text>')
        second += step
    return parts


def _row(one: Timeline, offset: float, total_s: float, y: int, colours: dict[str, str]) -> list[str]:
    parts = [f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(one.node)}</text>']
    for span in one.spans:
        end_s = _end_s(one, span)
        left, right = _x(offset + span.start_s, total_s), _x(offset + end_s, total_s)
        title = f"{one.node} {span.phase} {end_s - span.start_s:.1f} s"
        top, height = _lane(one, span)
        parts.append(
            f'<rect x="{left:.1f}" y="{y + top}" width="{max(1.0, right - left):.1f}" height="{height}" '
            f'fill="{FAILED if span.failed else colours[span.phase]}"><title>{escape(title)}</title></rect>'
        )
    right = _x(offset + one.total_s, total_s)
    label = quoteattr(one.outcome)[1:-1]
    return [*parts, f'<text x="{right + 4:.1f}" y="{y + 12}" fill="#333">{one.total_s:.1f} s {label}</text>']


def _lane(one: Timeline, span: Span) -> tuple[int, int]:
    """Where in its row a bar begins, and its height: phases that overlap share it, the first to begin on top."""
    others = [other for other in one.spans if other is not span]
    overlaps = [other for other in others if other.start_s < _end_s(one, span) and span.start_s < _end_s(one, other)]
    if not overlaps:
        return 2, BAR
    is_first = all(span.start_s <= other.start_s for other in overlaps)
    return (2 if is_first else 2 + BAR // 2), BAR // 2


def _end_s(one: Timeline, span: Span) -> float:
    return one.total_s if span.end_s is None else span.end_s


def _x(second: float, total_s: float) -> float:
    return LEFT + second / total_s * (WIDTH - LEFT - RIGHT)
