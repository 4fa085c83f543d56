"""Resolution of a model version's `source`.

A source is never opened. `runs:/…`, `models:/…` and `mlflow-artifacts:/…` must
resolve to rows here; another remote scheme is kept as a label. No tag changes what is
checked (CVE-2026-2614).
"""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.locations import (
    SCHEME,
    location_of,
    owner_of,
    refuse_local,
    safe_path,
)
from lifecycle.models import ModelVersion, Run
from lifecycle.states import ModelStage

PROMPT_PLACEHOLDERS: Final = frozenset({"prompt-template", "dummy-source"})
"""What clients send as the source of a prompt, which has no files."""
_MAX_DIGITS: Final = 9
_MAX_LABEL: Final = 256
_RUN = "SELECT id FROM lifecycle_run WHERE uid = %s"
_MODEL = "SELECT 1 FROM lifecycle_loggedmodel WHERE id = %s AND deleted_ms IS NULL"


@dataclass(frozen=True, slots=True)
class VersionSource:
    """The text as it is kept, and the rows it refers to.

    `run` is the primary key of the run `run_uid`; `run_label` is the id of a run
    that is not here and stays a label. `model_id` names a logged model.
    """

    text: str
    run: int | None = None
    run_uid: str = ""
    run_label: str = ""
    model_id: str = ""
    path: str = ""


def resolve(
    cursor: CursorWrapper, text: str, *, run_id: str, model_id: str
) -> VersionSource:
    """Return what a source and the ids beside it refer to. Raises InvalidValue."""
    if text in PROMPT_PLACEHOLDERS:
        return _with_run(cursor, VersionSource(text), run_id)
    refuse_local(text, field="source")
    parts = urlsplit(text)
    scheme = parts.scheme.lower()
    if scheme in {"runs", "models"} and parts.netloc:
        raise _invalid(text, "It must not name a host.")
    source = VersionSource(text)
    if scheme == "runs":
        source, run_id = _of_run(text, parts.path, run_id)
    elif scheme == "models":
        source, model_id = _of_model(text, parts.path, model_id)
    elif scheme == SCHEME and not parts.netloc:
        source = _of_place(text, parts.path, run_id, model_id)
    return _with_model(cursor, _with_run(cursor, source, run_id), model_id)


def _of_run(text: str, path: str, run_id: str) -> tuple[VersionSource, str]:
    """`runs:/{run}/{path}`: the run named beside it must be the same."""
    named, _, inner = path.lstrip("/").partition("/")
    if not named or (run_id and run_id != named):
        raise _not_containing(text, "run_id")
    return VersionSource(text, path=safe_path(inner)), named


def _of_model(text: str, path: str, model_id: str) -> tuple[VersionSource, str]:
    """`models:/m-…`, or a registered version, which is then copied."""
    name, _, version = path.lstrip("/").partition("/")
    if not version and "@" not in name:
        if model_id and model_id != name:
            raise _not_containing(text, "model_id")
        return VersionSource(text), name
    original = _registered(text, name, version)
    source = VersionSource(
        text=f"models:/{original.model.name}/{original.number}",
        run=original.run_id,
        run_uid=original.run.uid if original.run else "",
        run_label=original.run_label,
        model_id=original.logged_model_id or "",
        path=original.artifact_path,
    )
    return source, ""


def _of_place(text: str, path: str, run_id: str, model_id: str) -> VersionSource:
    """`mlflow-artifacts:/{experiment}/…`: an address that this server made."""
    location = location_of(path)
    if location is None:
        raise _invalid(text, "It names no run and no logged model of this server.")
    if run_id and location.run_id and run_id != location.run_id:
        raise _not_containing(text, "run_id")
    if model_id and location.model_id and model_id != location.model_id:
        raise _not_containing(text, "model_id")
    try:
        owner = owner_of(location)
    except Missing as missing:
        raise _invalid(text, missing.message) from None
    if isinstance(owner, Run):
        return VersionSource(text, run=owner.pk, run_uid=owner.uid, path=location.path)
    if owner.deleted_ms is not None:
        raise _invalid(text, f"Logged model with ID '{owner.pk}' not found.")
    return VersionSource(text, model_id=owner.pk, path=location.path)


def _registered(text: str, name: str, version: str) -> ModelVersion:
    """Return `name/3`, `name/latest`, `name/Staging` or `name@alias`."""
    versions = ModelVersion.objects.select_related("model", "run")
    if "@" in name:
        name, _, alias = name.partition("@")
        found = versions.filter(model__name=name, aliases__alias=alias).first()
    elif version.isascii() and version.isdigit() and len(version) <= _MAX_DIGITS:
        found = versions.filter(model__name=name, number=int(version)).first()
    else:
        rows = versions.filter(model__name=name).order_by("-number")
        if version.lower() != "latest":
            rows = rows.filter(stage=_stage(version))
        found = rows.first()
    if found is None:
        raise Missing(
            f"Invalid model version source: '{text}'. There is no such model version."
        )
    return found


def _stage(word: str) -> str:
    ours = ModelStage.EXPERIMENTAL if word.lower() == "none" else word.lower()
    return str(ours)


def _with_run(
    cursor: CursorWrapper, source: VersionSource, run_id: str
) -> VersionSource:
    if not run_id or source.run is not None:
        return source
    cursor.execute(_RUN, (run_id,))
    row = cursor.fetchone()
    if row is None:
        return replace(source, run_label=run_id[:_MAX_LABEL])
    return replace(source, run=row[0], run_uid=run_id)


def _with_model(
    cursor: CursorWrapper, source: VersionSource, model_id: str
) -> VersionSource:
    if not model_id or source.model_id:
        return source
    cursor.execute(_MODEL, (model_id,))
    if cursor.fetchone() is None:
        raise _invalid(source.text, f"Logged model with ID '{model_id}' not found.")
    return replace(source, model_id=model_id)


def _not_containing(text: str, name: str) -> InvalidValue:
    return _invalid(
        text,
        f"The {name} request parameter must identify the resource that contains the "
        "source.",
    )


def _invalid(text: str, why: str) -> InvalidValue:
    return InvalidValue(f"Invalid model version source: '{text[:200]}'. {why}")
