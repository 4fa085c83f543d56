"""How drift is shown: the columns, worst first, each with its two distributions."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from datasets.admin import svg
from mlops.core.admin.base import EMPTY

SHOWN_COLUMNS = 50
LEVELS = ("drift", "warning", "none", "too_few_rows")


def drift_table(body: Mapping[str, Any]) -> SafeString | str:
    """Return the table of a stored report; EMPTY when there is none."""
    columns = sorted(
        body.get("columns", []), key=lambda column: LEVELS.index(column["level"])
    )
    if not columns:
        return EMPTY
    head = (
        _("column"),
        _("level"),
        "PSI",
        "KS",
        "JS",
        "χ²",
        _("missing before"),
        _("missing now"),
        _("before and now"),
    )
    return table(head, [_row(column) for column in columns[:SHOWN_COLUMNS]])


def table(head: Any, rows: Any, *, label: Any = "") -> SafeString:
    """Return an HTML table that scrolls sideways where it is wide."""
    titles = format_html_join("", '<th scope="col">{}</th>', [(name,) for name in head])
    lines = format_html_join(
        "",
        "<tr>{}</tr>",
        [(format_html_join("", "<td>{}</td>", [(c,) for c in row]),) for row in rows],
    )
    drawn = format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", titles, lines
    )
    return sideways(drawn, label or _("Table"))


def sideways(drawn: SafeString, label: Any) -> SafeString:
    """Return what may be wide in a box that scrolls, by keyboard too."""
    return format_html(
        '<div class="sideways" tabindex="0" role="region" aria-label="{}">{}</div>',
        label,
        drawn,
    )


def _row(column: Mapping[str, Any]) -> tuple[Any, ...]:
    bins = column.get("bins")
    return (
        column["name"],
        column["level"],
        _figure(column["psi"]),
        _figure(column["ks"]),
        _figure(column["js"]),
        _figure(column["chi_square"]),
        f"{column['missing_reference']:.1%}",
        f"{column['missing_current']:.1%}",
        svg.beside(bins["labels"], bins["reference"], bins["current"])
        if bins
        else EMPTY,
    )


def _figure(value: float | None) -> str:
    return EMPTY if value is None else f"{value:.4g}"
