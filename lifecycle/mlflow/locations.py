"""Artifact URIs: those that the server generates, and labels.

An address of ours is `mlflow-artifacts:/{experiment}/{run}/artifacts` or
`…/{experiment}/models/{model}/artifacts`. It names a run or logged model and a path
inside it; both are looked up as rows. Nothing is opened by an address.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lifecycle.errors import UnsafePath
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.models import LoggedModel, Run
from lifecycle.paths import normal_path

SCHEME = "mlflow-artifacts"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+", re.IGNORECASE)
_FORBIDDEN_IN_LABEL = re.compile(r"[\x00-\x1f\x7f\\#?;]")
_DECODINGS = 10
_MAX_LABEL = 2000
_LOCAL_SCHEMES = frozenset({"file", "javascript", "data", "vbscript", "local"})


@dataclass(frozen=True, slots=True)
class ArtifactLocation:
    """A path inside a run or a logged model of an experiment; "" is all of it."""

    experiment: str
    run_id: str = ""
    model_id: str = ""
    path: str = ""


def experiment_location(experiment_id: int | str, label: str = "") -> str:
    """Return where an experiment's artifacts are: with us, or the remote label."""
    return label.rstrip("/") if label else f"{SCHEME}:/{experiment_id}"


def run_location(experiment_id: int | str, run_id: str, label: str = "") -> str:
    return f"{experiment_location(experiment_id, label)}/{run_id}/artifacts"


def model_location(experiment_id: int | str, model_id: str, label: str = "") -> str:
    root = experiment_location(experiment_id, label)
    return f"{root}/models/{model_id}/artifacts"


def trace_location(experiment_id: int | str, trace_id: str, label: str = "") -> str:
    root = experiment_location(experiment_id, label)
    return f"{root}/traces/{trace_id}/artifacts"


def location_of(path: str) -> ArtifactLocation | None:
    """Return what a path below the artifacts' root names, or None if nothing of ours.

    The path is `{experiment}/{run}/artifacts[/…]` or
    `{experiment}/models/{model}/artifacts[/…]`, already decoded once by HTTP. Raises
    InvalidValue if what follows could climb.
    """
    match path.strip("/").split("/"):
        case [experiment, "models", model, "artifacts", *inner]:
            return ArtifactLocation(
                experiment, model_id=model, path=_inner("/".join(inner))
            )
        case [experiment, run, "artifacts", *inner]:
            return ArtifactLocation(
                experiment, run_id=run, path=_inner("/".join(inner))
            )
    return None


def owner_of(place: ArtifactLocation) -> Run | LoggedModel:
    """Return the run or logged model of a place, deleted or not. Raises Missing.

    The experiment must be the one it belongs to.
    """
    home: Run | LoggedModel | None
    if place.model_id:
        models = LoggedModel.objects.select_related("experiment")
        home = models.filter(pk=place.model_id).first()
        missing = f"Logged model with ID '{place.model_id}' not found."
    else:
        # Ordered as cheaply as can be: the uid is unique.
        runs = Run.objects.select_related("experiment")
        home = runs.filter(uid=place.run_id).order_by("pk").first()
        missing = f"Run with id={place.run_id} not found"
    if home is None or str(home.experiment_id) != place.experiment:
        raise Missing(missing)
    return home


def safe_path(text: str) -> str:
    """Return a client's relative path, or "" for none. Raises InvalidValue."""
    if text in {"", "."}:
        return ""
    return _inner(text)


def remote_label(text: str, *, field: str) -> str:
    """Return an address of somewhere else, to be kept and never followed.

    Raises InvalidValue for local paths, `file:` in any spelling, our own scheme and
    whatever could mean another place once somebody decodes or parses it.
    """
    refuse_local(text, field=field)
    if urlsplit(text).scheme.lower() == SCHEME:
        raise InvalidValue(
            f"Invalid value for parameter '{field}': locations that begin with "
            f"{SCHEME}: are made by the server. Leave it out."
        )
    return text


def refuse_local(text: str, *, field: str) -> None:
    """Raise InvalidValue unless the text is a plain URI with a remote scheme."""
    scheme, colon, rest = text.partition(":")
    if len(text) > _MAX_LABEL:
        raise InvalidValue(
            f"Invalid {field}: it exceeds the maximum length of {_MAX_LABEL}."
        )
    if not colon or not _SCHEME.fullmatch(scheme) or scheme.lower() in _LOCAL_SCHEMES:
        raise InvalidValue(
            f"Invalid {field}: '{text[:200]}'. To use a local path as a model version "
            "source, the run_id request parameter has to be specified and the local "
            "path has to be contained within the artifact directory of the run "
            "specified by the run_id. This server keeps no artifacts at local paths."
        )
    _refuse_climbing(text, rest, field)


def _refuse_climbing(text: str, rest: str, field: str) -> None:
    for _ in range(_DECODINGS):
        if _FORBIDDEN_IN_LABEL.search(rest) or ".." in rest.split("/"):
            break
        if (decoded := unquote(rest)) == rest:
            return
        rest = decoded
    raise InvalidValue(
        f"Invalid model version source: '{text[:200]}'. If supplying a source as an "
        "http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an "
        "absolute path must be provided without relative path references present. "
        f"Please provide an absolute path. (field {field})"
    )


def _inner(path: str) -> str:
    path = path.strip("/") if path.endswith("/") else path
    if not path:
        return ""
    try:
        return normal_path(path)
    except UnsafePath:
        raise InvalidValue("Invalid path") from None
