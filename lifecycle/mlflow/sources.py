"""What a model version's `source` refers to.

A source is never opened. `runs:/…`, `models:/…` and `mlflow-artifacts:/…` must
resolve to rows here; another remote scheme is kept as a label. No tag changes what is
checked (CVE-2026-2614).
"""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.locations import (
    SCHEME,
    home_of,
    place_of,
    refuse_local,
    safe_path,
)
from lifecycle.models import LoggedModel, ModelVersion, Run
from lifecycle.states import ModelStage

PROMPT_PLACEHOLDERS: Final = frozenset({"prompt-template", "dummy-source"})
"""What clients send as the source of a prompt, which has no files."""
_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Source:
    """The text as it is kept, and the rows it refers to.

    `run_label` is the id of a run that is not here; it stays a label.
    """

    text: str
    run: Run | None = None
    run_label: str = ""
    logged_model: LoggedModel | None = None
    path: str = ""


def resolve(text: str, *, run_id: str, model_id: str) -> Source:
    """Return what a source and the ids beside it refer to. Raises InvalidValue."""
    if text in PROMPT_PLACEHOLDERS:
        return _with_run(Source(text), run_id)
    refuse_local(text, field="source")
    parts = urlsplit(text)
    scheme = parts.scheme.lower()
    if scheme in {"runs", "models"} and parts.netloc:
        raise _invalid(text, "It must not name a host.")
    match scheme:
        case "runs":
            source = _of_run(text, parts.path, run_id)
        case "models":
            source = _of_model(text, parts.path, run_id, model_id)
        case scheme if scheme == SCHEME and not parts.netloc:
            source = _of_place(text, parts.path, run_id, model_id)
        case _:
            source = _with_run(Source(text), run_id)
    return _with_model(source, model_id)


def _of_run(text: str, path: str, run_id: str) -> Source:
    """`runs:/{run}/{path}`: the run named beside it must be the same."""
    named, _, inner = path.lstrip("/").partition("/")
    if not named or (run_id and run_id != named):
        raise _invalid(
            text,
            "The run_id request parameter must identify the resource that contains "
            "the source.",
        )
    return replace(_with_run(Source(text), named), path=safe_path(inner))


def _of_model(text: str, path: str, run_id: str, model_id: str) -> Source:
    """`models:/m-…`, or a registered version, which is then copied."""
    name, _, version = path.lstrip("/").partition("/")
    if not version and "@" not in name:
        if model_id and model_id != name:
            raise _invalid(
                text,
                "The model_id request parameter must identify the resource that "
                "contains the source.",
            )
        return _with_run(_with_model(Source(text), name), run_id)
    original = _registered(text, name, version)
    return Source(
        text=f"models:/{original.model.name}/{original.number}",
        run=original.run,
        run_label=original.run_label,
        logged_model=original.logged_model,
        path=original.artifact_path,
    )


def _of_place(text: str, path: str, run_id: str, model_id: str) -> Source:
    """`mlflow-artifacts:/{experiment}/…`: an address that this server made."""
    place = place_of(path)
    if place is None:
        raise _invalid(text, "It names no run and no logged model of this server.")
    if (run_id and place.run_id and run_id != place.run_id) or (
        model_id and place.model_id and model_id != place.model_id
    ):
        raise _invalid(
            text,
            "The run_id request parameter must identify the resource that contains "
            "the source.",
        )
    try:
        home = home_of(place)
    except Missing as missing:
        raise _invalid(text, missing.message) from None
    if isinstance(home, Run):
        return Source(text, run=home, path=place.path)
    return _with_run(Source(text, logged_model=home, path=place.path), run_id)


def _registered(text: str, name: str, version: str) -> ModelVersion:
    """Return `name/3`, `name/latest`, `name/Staging` or `name@alias`."""
    versions = ModelVersion.objects.select_related("model", "run", "logged_model")
    if "@" in name:
        name, _, alias = name.partition("@")
        found = versions.filter(model__name=name, aliases__alias=alias).first()
    elif version.isdigit() and len(version) <= _MAX_DIGITS:
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


def _with_run(source: Source, run_id: str) -> Source:
    if not run_id or source.run is not None:
        return source
    run = Run.objects.select_related("experiment").filter(uid=run_id).first()
    return replace(source, run=run, run_label="" if run else run_id[:256])


def _with_model(source: Source, model_id: str) -> Source:
    if not model_id or source.logged_model is not None:
        return source
    model = LoggedModel.objects.filter(pk=model_id, deleted_ms=None).first()
    if model is None:
        raise _invalid(source.text, f"Logged model with ID '{model_id}' not found.")
    return replace(source, logged_model=model)


def _invalid(text: str, why: str) -> InvalidValue:
    return InvalidValue(f"Invalid model version source: '{text[:200]}'. {why}")
