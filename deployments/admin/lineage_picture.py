"""Places the lineage graph: columns from what something is made of to what serves it.

Knows coordinates and no markup; a template writes them as SVG.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.apps import apps
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from deployments.lineage import Graph
from lifecycle.lineage import NUMBERED, Node
from mlops.core.admin.base import address_of

WIDTH, HEIGHT = 190, 46
GAP_X, GAP_Y = 56, 14
MARGIN = 8
MOST_IN_COLUMN = 6
MOST_LETTERS = 24

KINDS = {
    "dataset": ("datasets.Dataset", _("dataset")),
    "dataset_version": ("datasets.DatasetVersion", _("dataset version")),
    "feature": ("datasets.Feature", _("feature")),
    "experiment": ("lifecycle.Experiment", _("experiment")),
    "run": ("lifecycle.Run", _("run")),
    "logged_model": ("lifecycle.LoggedModel", _("logged model")),
    "model_version": ("lifecycle.ModelVersion", _("model version")),
    "deployment": ("deployments.Deployment", _("deployment")),
}


@dataclass(frozen=True, slots=True)
class Box:
    """A thing of the graph where it is drawn, with its page."""

    x: int
    y: int
    kind: str
    name: str
    shown: str
    url: str
    is_start: bool

    @property
    def middle(self) -> int:
        return self.y + HEIGHT // 2


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes, and lines between them as SVG's `d`; `hidden` boxes had no room."""

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[str]
    hidden: int
    box_width: int = WIDTH
    box_height: int = HEIGHT


def picture(graph: Graph) -> Picture:
    """Return the graph in columns; of a column the first MOST_IN_COLUMN are drawn."""
    columns = _columns(graph)
    nodes = {node.key: node for node in graph.nodes}
    boxes: dict[str, Box] = {}
    hidden = 0
    for place, keys in enumerate(columns):
        hidden += max(len(keys) - MOST_IN_COLUMN, 0)
        for row, key in enumerate(keys[:MOST_IN_COLUMN]):
            boxes[key] = _box(nodes[key], place, row, is_start=key == graph.of.key)
    rows = max((min(len(keys), MOST_IN_COLUMN) for keys in columns), default=1)
    return Picture(
        2 * MARGIN + len(columns) * WIDTH + (len(columns) - 1) * GAP_X,
        2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP_Y,
        list(boxes.values()),
        _lines(graph, boxes),
        hidden,
    )


def _columns(graph: Graph) -> list[list[str]]:
    """Return the keys of each column: what is made of others stands to their right."""
    column = dict.fromkeys((node.key for node in graph.nodes), 0)
    for _round in range(len(column)):
        moved = False
        for edge in graph.edges:
            least = column[edge.source] + 1
            if column[edge.target] < least <= len(column):
                column[edge.target], moved = least, True
        if not moved:
            break
    found = defaultdict[int, list[str]](list)
    for key, place in column.items():
        found[place].append(key)
    return [_start_first(found[place], graph.of.key) for place in sorted(found)]


def _start_first(keys: list[str], start: str) -> list[str]:
    return sorted(keys, key=lambda key: (key != start, key))


def _box(node: Node, place: int, row: int, *, is_start: bool) -> Box:
    name = node.name
    cut = name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
    label = KINDS[node.kind][1] if node.kind in KINDS else node.kind
    return Box(
        MARGIN + place * (WIDTH + GAP_X),
        MARGIN + row * (HEIGHT + GAP_Y),
        str(label),
        name,
        cut,
        _address(node),
        is_start,
    )


def _lines(graph: Graph, boxes: Mapping[str, Box]) -> list[str]:
    lines = []
    for edge in graph.edges:
        if edge.source not in boxes or edge.target not in boxes:
            continue
        start, end = boxes[edge.source], boxes[edge.target]
        x, bend = start.x + WIDTH, GAP_X // 2
        lines.append(
            f"M{x} {start.middle}C{x + bend} {start.middle} "
            f"{end.x - bend} {end.middle} {end.x} {end.middle}"
        )
    return lines


def _address(node: Node) -> str:
    """Return the page of a node without asking for its row."""
    if node.kind not in KINDS:
        return ""
    model: type[Model] = apps.get_model(KINDS[node.kind][0])
    own = node.key.partition(":")[2]
    is_uuid = node.kind not in NUMBERED and node.kind != "logged_model"
    return address_of(model(pk=UUID(own) if is_uuid else own))
