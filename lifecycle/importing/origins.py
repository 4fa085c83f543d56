"""What the source of a version says: a run here, a logged model here, or a label."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from lifecycle.errors import UnsafePath
from lifecycle.importing import cells
from lifecycle.importing.cells import Row, Unfit
from lifecycle.importing.context import ImportContext
from lifecycle.importing.locations import segments
from lifecycle.importing.logged_models import run_keys
from lifecycle.models import LoggedModel, Run
from lifecycle.paths import normal_path

_ARTIFACTS: Final = "artifacts"
_MAX_SOURCE: Final = 2000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a version's files are; `file_run` is the run whose files they are.

    `source` is kept as the version's: an address of this server for files of a run.
    `is_known` says whether the files' owner is here.
    """

    source: str
    run: int | None = None
    run_label: str = ""
    logged_model: str | None = None
    file_run: int | None = None
    path: str = ""
    is_known: bool = False


def origin(context: ImportContext, row: Row) -> Origin:
    """Return what a version was made from. Raises Unfit."""
    source = cells.text(row, "source", most=_MAX_SOURCE)
    label = cells.text(row, "run_id", most=256)
    run = run_keys(context, [label]).get(label) if label else None
    run_label = "" if run is not None else label
    if (model := _logged_model(context, source)) is not None:
        run = _run_of(model) if run is None and not label else run
        return Origin(source, run, run_label, model, is_known=True)
    storage = cells.text(row, "storage_location")
    address = storage if source.startswith("models:") and storage else source
    if (model := _model_in(context, address)) is not None:
        return Origin(source, run, run_label, model, is_known=True)
    found = _in_run(context, address)
    if found is None:
        return Origin(source, run, run_label)
    uid, file_run, path = found
    return Origin(
        _address(uid, path) if _is_local(source) else source,
        run,
        run_label,
        file_run=file_run,
        path=path,
        is_known=True,
    )


def _logged_model(context: ImportContext, source: str) -> str | None:
    """`models:/m-…`, where it is here."""
    name = source.removeprefix("models:/") if source.startswith("models:/") else ""
    return name if name and _has_model(context, name) else None


def _model_in(context: ImportContext, address: str) -> str | None:
    """`…/models/m-…/artifacts`, where it is here."""
    parts = segments(address)
    for above, name in pairwise(parts):
        if above == "models" and _has_model(context, name):
            return name
    return None


def _in_run(context: ImportContext, address: str) -> tuple[str, int, str] | None:
    """Return id, key and path of `runs:/RUN/path` or `…/RUN/artifacts/path`."""
    parts = segments(address)
    runs = run_keys(context, parts)
    for position, part in enumerate(parts):
        if part not in runs:
            continue
        inner = parts[position + 1 :]
        if not address.startswith("runs:"):
            if inner[:1] != [_ARTIFACTS]:
                continue
            inner = inner[1:]
        try:
            path = normal_path("/".join(inner)) if inner else ""
        except UnsafePath as unsafe:
            raise Unfit(f"source: {unsafe.message}") from None
        return part, runs[part], path
    return None


def _has_model(context: ImportContext, name: str) -> bool:
    if name in context.dry_models:
        return True
    return LoggedModel.objects.filter(pk=name, deleted_ms=None).exists()


def _run_of(model: str) -> int | None:
    found = LoggedModel.objects.filter(pk=model).values_list("source_run", flat=True)
    return found.first()


def _is_local(source: str) -> bool:
    """Whether it is an address of a machine's own files, which means nothing here."""
    return not source.startswith(("runs:", "models:"))


def _address(uid: str, path: str) -> str:
    run = Run.objects.filter(uid=uid).select_related("experiment").first()
    if run is None or run.experiment.artifact_label:
        return f"runs:/{uid}/{path}".rstrip("/")
    place = f"mlflow-artifacts:/{run.experiment_id}/{uid}/artifacts"
    return f"{place}/{path}".rstrip("/")
