"""Small pictures as SVG text: no script and no style attribute, so any CSP holds."""

from collections.abc import Iterator, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 160, 40
CELL_WIDTH, CELL_HEIGHT = 44, 24
LABEL = 110
MOST_CELLS = 30
BLUE, RED, UNDEFINED = (29, 78, 216), (185, 28, 28), "#9ca3af"
DARK = 0.6
"""From this correlation on, a cell is so dark that its figure is white."""
BEFORE, NOW = "#9ca3af", "#2563eb"
GOOD, WARNED, BAD = "#16a34a", "#f59e0b", "#dc2626"


def histogram(counts: Sequence[int], edges: Sequence[float | str]) -> SafeString:
    """Return the bars of a histogram; each says its range and count on hover."""
    highest = max(counts, default=0) or 1
    step = WIDTH / max(len(counts), 1)
    bars = []
    for place, count in enumerate(counts):
        # A bin that is not empty is seen, however small it is beside the others.
        height = max(HEIGHT * count / highest, 1.0) if count else 0.0
        title = f"{_short(edges[place])} … {_short(edges[place + 1])}: {count:,}"
        bars.append(
            (
                f"{place * step:.1f}",
                f"{HEIGHT - height:.1f}",
                f"{max(step - 1, 0.5):.1f}",
                f"{height:.1f}",
                title,
            )
        )
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        bars,
    )
    return format_html(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'fill="currentColor" aria-label="histogram">{}</svg>',
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        drawn,
    )


def beside(
    labels: Sequence[str], before: Sequence[float], now: Sequence[float]
) -> SafeString:
    """Return two bars for each bin, grey before and blue now; shares in [0, 1]."""
    highest = max([*before, *now], default=0.0) or 1.0
    step = WIDTH / max(len(labels), 1)
    bars = []
    for place, label in enumerate(labels):
        title = f"{label[:60]}: {before[place]:.1%} → {now[place]:.1%}"
        for shift, share, colour in (
            (0.0, before[place], BEFORE),
            (0.5, now[place], NOW),
        ):
            height = HEIGHT * share / highest
            bars.append(
                (
                    f"{(place + shift) * step:.1f}",
                    f"{HEIGHT - height:.1f}",
                    f"{max(step / 2 - 0.5, 0.5):.1f}",
                    f"{height:.1f}",
                    colour,
                    title,
                )
            )
    return _framed("distributions", WIDTH, HEIGHT, _coloured(bars))


def stacks(columns: Sequence[tuple[str, Sequence[tuple[int, str]]]]) -> SafeString:
    """Return a stack for each column, oldest left: its title, then (count, colour)."""
    highest = max((sum(n for n, _ in parts) for _, parts in columns), default=0) or 1
    step = WIDTH / max(len(columns), 1)
    bars = []
    for place, (title, parts) in enumerate(columns):
        top = float(HEIGHT)
        for count, colour in parts:
            height = HEIGHT * count / highest
            top -= height
            bars.append(
                (
                    f"{place * step:.1f}",
                    f"{top:.1f}",
                    f"{max(min(step, 16) - 1, 0.5):.1f}",
                    f"{height:.1f}",
                    colour,
                    title,
                )
            )
    return _framed("trend", WIDTH, HEIGHT, _coloured(bars))


def _coloured(bars: Sequence[tuple[str, ...]]) -> SafeString:
    return format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}</title></rect>',
        bars,
    )


def _framed(label: str, width: int, height: int, drawn: SafeString) -> SafeString:
    return format_html(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'aria-label="{}">{}</svg>',
        width,
        height,
        width,
        height,
        label,
        drawn,
    )


def heat_map(
    names: Sequence[str], matrix: Sequence[Sequence[float | None]]
) -> SafeString:
    """Return a square of correlations: red below zero, blue above, grey undefined."""
    names = names[:MOST_CELLS]
    places = [
        (row, column) for row in range(len(names)) for column in range(len(names))
    ]
    cells = [
        _cell(row, column, matrix[row][column], f"{names[row]}, {names[column]}")
        for row, column in places
    ]
    width = LABEL + len(names) * CELL_WIDTH + LABEL // 2
    height = LABEL + len(names) * CELL_HEIGHT
    return format_html(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'aria-label="correlation" font-size="11">{2}{3}</svg>',
        width,
        height,
        format_html_join("", "{}", [(label,) for label in _labels(names)]),
        format_html_join("", "{}", [(cell,) for cell in cells]),
    )


def _labels(names: Sequence[str]) -> Iterator[SafeString]:
    """Yield the names, beside the rows and slanting above the columns."""
    for place, name in enumerate(names):
        x = LABEL + place * CELL_WIDTH + CELL_WIDTH // 2
        yield format_html(
            '<text x="{}" y="{}" text-anchor="end" fill="currentColor">{}</text>',
            LABEL - 6,
            LABEL + place * CELL_HEIGHT + CELL_HEIGHT // 2 + 4,
            name[:16],
        )
        yield format_html(
            '<text transform="translate({} {}) rotate(-45)" fill="currentColor">'
            "{}</text>",
            x,
            LABEL - 6,
            name[:16],
        )


def _cell(row: int, column: int, value: float | None, pair: str) -> SafeString:
    x, y = LABEL + column * CELL_WIDTH, LABEL + row * CELL_HEIGHT
    return format_html(
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}: {}</title>'
        '</rect><text x="{}" y="{}" text-anchor="middle" fill="{}">{}</text>',
        x,
        y,
        CELL_WIDTH - 1,
        CELL_HEIGHT - 1,
        _colour(value),
        pair,
        "undefined" if value is None else f"{value:.3f}",
        x + CELL_WIDTH // 2,
        y + CELL_HEIGHT // 2 + 4,
        "white" if value is not None and abs(value) > DARK else "black",
        "" if value is None else f"{value:.2f}".replace("-0.00", "0.00"),
    )


def _colour(value: float | None) -> str:
    if value is None:
        return UNDEFINED
    strongest = BLUE if value >= 0 else RED
    parts = [round(255 - abs(value) * (255 - part)) for part in strongest]
    return "rgb({},{},{})".format(*parts)


def _short(edge: float | str) -> str:
    return edge[:19] if isinstance(edge, str) else f"{edge:.4g}"
