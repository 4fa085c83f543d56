"""The target `mlops://` of MLflow's deployments."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import pandas as pd
from mlflow.deployments import BaseDeploymentClient, PredictionsResponse
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)

from mlops_deployments import options
from mlops_deployments.api import Api, Deployment, Refused, Slot, slot_of, url_of

FLAVOR = "mlops"
_CODES = {
    0: TEMPORARILY_UNAVAILABLE,
    401: PERMISSION_DENIED,
    403: PERMISSION_DENIED,
    404: RESOURCE_DOES_NOT_EXIST,
    503: TEMPORARILY_UNAVAILABLE,
}
_MODELS = "models:/"
Result = TypeVar("Result")


def _in_its_words(verb: Callable[..., Result]) -> Callable[..., Result]:
    """Let a verb raise MLflow's exception with the server's sentence."""

    @wraps(verb)
    def told(*args: Any, **kwargs: Any) -> Result:
        try:
            return verb(*args, **kwargs)
        except Refused as refused:
            code = _CODES.get(refused.status, INVALID_PARAMETER_VALUE)
            raise MlflowException(str(refused), error_code=code) from None
        except ValueError as wrong:
            raise MlflowException(str(wrong), INVALID_PARAMETER_VALUE) from None

    return told


class MlopsDeploymentClient(BaseDeploymentClient):
    """Deployments of registered models; see `target_help`."""

    @_in_its_words
    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)
        self.api = Api(url_of(target_uri))

    @_in_its_words
    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        slot = slot_of(name, endpoint)
        if self.api.alive(slot):
            raise MlflowException(
                f"{slot} is deployed already; update it.", RESOURCE_ALREADY_EXISTS
            )
        return self._deploy(slot, self._version(slot, model_uri), config)

    @_in_its_words
    def update_deployment(
        self,
        name: str,
        model_uri: str | None = None,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        slot = slot_of(name, endpoint)
        current = self._current(slot)
        version = (
            self._version(slot, model_uri) if model_uri else current["model_version"]
        )
        return self._deploy(slot, version, config)

    @_in_its_words
    def delete_deployment(
        self,
        name: str,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> None:
        """End what serves and what is on its way; again is no error."""
        for deployment in self.api.alive(slot_of(name, endpoint)):
            if not deployment["ends_as"]:
                self.api.end(deployment)

    @_in_its_words
    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        return [_shown(one) for one in self.api.all(endpoint)]

    @_in_its_words
    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        return _shown(self._current(slot_of(name, endpoint)))

    @_in_its_words
    def predict(
        self,
        deployment_name: str | None = None,
        inputs: Any = None,
        endpoint: str | None = None,
    ) -> PredictionsResponse:
        """Ask what serves; rows as a data frame, or the body itself as a mapping."""
        slot = slot_of(deployment_name or "", endpoint)
        address = self._current(slot)["endpoint"]
        return PredictionsResponse(self.api.send("POST", address, _body(inputs)))

    def _deploy(
        self, slot: Slot, version: str, config: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        body, wait_s = options.parsed(config)
        made = self.api.deploy(slot, version, body)
        return _shown(self.api.wait(made, wait_s) if wait_s > 0 else made)

    def _current(self, slot: Slot) -> Deployment:
        """Return what serves in the slot, else what is on its way there."""
        alive = self.api.alive(slot)
        if not alive:
            raise MlflowException(f"{slot} is not deployed.", RESOURCE_DOES_NOT_EXIST)
        return next((one for one in alive if one["is_current"]), alive[0])

    def _version(self, slot: Slot, model_uri: str) -> str:
        path = model_uri.removeprefix(_MODELS)
        for mark in ("@", "/"):
            model, found, rest = path.partition(mark)
            if found and rest and path != model_uri and "/" not in model + rest:
                break
        else:
            raise ValueError(
                f"A registered version is deployed, models:/name/version, not "
                f"{model_uri!r}."
            )
        if model != slot.model:
            raise ValueError(f"{slot} serves the model {slot.model!r}, not {model!r}.")
        return self.api.version_of_alias(model, rest) if mark == "@" else rest


def run_local(*_args: Any, **_kwargs: Any) -> None:
    raise MlflowException(
        "This target has no local mode: run the server itself (`make run`) and deploy "
        "to mlops://localhost:8500.",
        INVALID_PARAMETER_VALUE,
    )


def target_help() -> str:
    return (
        "Deploys registered models to an MLOps server.\n\n"
        "Target: mlops://host[:port][/prefix]. It is asked by HTTPS, this machine "
        "(localhost, 127.0.0.1, [::1]) by HTTP; `?scheme=http` chooses HTTP.\n"
        "Token: MLOPS_TOKEN, else MLFLOW_TRACKING_TOKEN.\n"
        "Name: environment/model, such as staging/churn; or the model with --endpoint "
        "environment.\n"
        "Model: models:/name/version or models:/name@alias.\n"
        f"Options (-C key=value): {', '.join(options.NAMES)}.\n"
    )


def _shown(deployment: Deployment) -> dict[str, Any]:
    name = f"{deployment['environment']}/{deployment['model_name']}"
    return {"name": name, "flavor": FLAVOR, **deployment}


def _body(inputs: Any) -> Any:
    if isinstance(inputs, pd.DataFrame):
        split = json.loads(inputs.to_json(orient="split"))
        if not all(isinstance(name, str) for name in split["columns"]):
            return {"instances": split["data"]}  # rows that were given without names
        return {"dataframe_split": {"columns": split["columns"], "data": split["data"]}}
    if isinstance(inputs, Mapping):
        return dict(inputs)
    return {"instances": inputs.tolist() if hasattr(inputs, "tolist") else inputs}
