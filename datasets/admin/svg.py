"""Small pictures as SVG text: no script and no style attribute, so any CSP holds."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 160, 40
CELL = 18
LABEL = 110
MOST_CELLS = 30


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


def heat_map(
    names: Sequence[str], matrix: Sequence[Sequence[float | None]]
) -> SafeString:
    """Return a square of correlations: red below zero, blue above, grey undefined."""
    names = names[:MOST_CELLS]
    size = len(names)
    cells = []
    for row in range(size):
        for column in range(size):
            value = matrix[row][column]
            shown = "undefined" if value is None else f"{value:.3f}"
            cells.append(
                (
                    LABEL + column * CELL,
                    row * CELL,
                    CELL - 1,
                    CELL - 1,
                    _colour(value),
                    f"{names[row]}, {names[column]}: {shown}",
                )
            )
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}</title></rect>',
        cells,
    )
    labels = format_html_join(
        "",
        '<text x="{}" y="{}" font-size="11" text-anchor="end" '
        'fill="currentColor">{}</text>',
        [
            (LABEL - 6, place * CELL + CELL - 5, name[:16])
            for place, name in enumerate(names)
        ],
    )
    width, height = LABEL + size * CELL, size * CELL
    return format_html(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'aria-label="correlation">{}{}</svg>',
        width,
        height,
        width,
        height,
        labels,
        drawn,
    )


def _colour(value: float | None) -> str:
    if value is None:
        return "#9ca3af"
    fade = round(255 * (1 - abs(value)))
    return f"rgb({fade},{fade},255)" if value >= 0 else f"rgb(255,{fade},{fade})"


def _short(edge: float | str) -> str:
    return edge[:19] if isinstance(edge, str) else f"{edge:.4g}"
