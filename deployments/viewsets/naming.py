"""Which model version a body means."""

from typing import Any

from lifecycle.models import Experiment, ModelVersion
from mlops.core.errors import Invalid, NotFound


def named_version(body: dict[str, Any]) -> ModelVersion:
    """Return the version that the body names, once or twice.

    Raises NotFound for a version or experiment that does not exist, and Invalid when
    the names do not agree.
    """
    by_id = _by_id(body["model_id"]) if "model_id" in body else None
    by_label = None
    if "model_name" in body and "model_version" in body:
        name, label = body["model_name"], body["model_version"]
        by_label = ModelVersion.objects.labelled(name, label)
    version = by_id or by_label
    if version is None:
        raise Invalid("Name a model version.", field="model_id")
    if by_label not in {None, version}:
        raise Invalid(
            "model_id means another version than model_name and model_version.",
            field="model_id",
        )
    _require_parts(version, body)
    return version


def _by_id(text: str) -> ModelVersion:
    try:
        return ModelVersion.objects.find(text)
    except NotFound as missing:
        raise NotFound(missing.message, field="model_id") from None


def _require_parts(version: ModelVersion, body: dict[str, Any]) -> None:
    """Check a name, label or experiment that was given beside an id."""
    for field, own in (
        ("model_name", version.model.name),
        ("model_version", version.version),
    ):
        if body.get(field, own) != own:
            raise Invalid(f"{field} is not that of model_id.", field=field)
    experiment = body.get("experiment_name")
    if not experiment:
        return
    if not Experiment.objects.filter(name=experiment).exists():
        raise NotFound(
            f"There is no experiment {experiment!r}.", field="experiment_name"
        )
    run = version.run
    if run is not None and run.experiment.name != experiment:
        raise Invalid(
            f"{version} comes from the experiment {run.experiment.name!r}.",
            field="experiment_name",
        )
