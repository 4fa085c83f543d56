"""MLflow's python_function folders: whatever predicts, behind one Python function.

By `mlflow.pyfunc` where the interpreter has it; else as its documentation says: the
folder's `code` is put on the path, and `loader_module._load_pyfunc(data)` gives
something with a `predict`. https://mlflow.org/docs/latest/api_reference/python_api/mlflow.pyfunc.html
"""

import importlib
import logging
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deployments.serving.code import missing_module
from deployments.serving.formats import answers, requirements
from deployments.serving.formats.answers import OUTPUT
from deployments.serving.formats.base import Array, synthetic_inputs
from deployments.serving.formats.first.columns import INPUT
from deployments.serving.formats.schema import ModelSchema
from deployments.serving.oip.errors import BadRequest, ModelFailed, OutOfMemory
from deployments.serving.terms import TargetRefused, Tensor

logger = logging.getLogger(__name__)

PLATFORM = "mlflow_pyfunc"
CHECK = "_validate_prediction_input"
"""MLflow's own check of an input; private, and so named since 2.6."""
OUTER = frozenset({"deployments", "mlflow", "contextlib"})


class LoadedPyfunc:
    """A copy of the folder, which belongs to this process alone."""

    def __init__(self, folder: Path, job: dict[str, Any]) -> None:
        self._folder, self._job = folder, job

    def warm_up(self) -> None:
        """Import what the interpreter has of MLflow, and the flavour's own library."""
        for name in ("pandas", "mlflow.pyfunc", self._loader_module):
            if name.partition(".")[0] in {"pandas", "mlflow"} and _is_here(name):
                importlib.import_module(name)

    def load(self) -> "PyfuncModel":
        pyfunc = self._job["pyfunc"]
        inputs = ModelSchema.of(pyfunc["inputs"], INPUT)
        outputs = ModelSchema.of(pyfunc["outputs"], OUTPUT)
        if not inputs.tensors:
            raise TargetRefused(
                "The MLmodel has no signature that can be served. Log the model with "
                "one: mlflow.models.infer_signature makes it."
            )
        unmet = requirements.unmet(self._folder / "requirements.txt")
        try:
            return PyfuncModel(self._loaded(), inputs, outputs)
        except ModuleNotFoundError as missing:
            raise TargetRefused(f"{missing_module(missing)}{_listed(unmet)}") from None
        except (TargetRefused, MemoryError):
            raise
        except Exception as error:
            logger.exception("the folder's own code failed")
            raise TargetRefused(
                "The python_function folder cannot be loaded: "
                f"{type(error).__name__}: {str(error)[:300]}.{_listed(unmet)}"
            ) from None

    @property
    def _loader_module(self) -> str:
        return str(self._job["pyfunc"]["loader_module"])

    def _loaded(self) -> Any:
        if _is_here("mlflow.pyfunc"):
            return importlib.import_module("mlflow.pyfunc").load_model(
                str(self._folder)
            )
        pyfunc = self._job["pyfunc"]
        if pyfunc["code"]:
            sys.path.insert(0, str(self._folder / pyfunc["code"]))
        module = importlib.import_module(self._loader_module)
        place = self._folder / pyfunc["data"] if pyfunc["data"] else self._folder
        return module._load_pyfunc(str(place))  # noqa: SLF001 - MLflow's own interface


class PyfuncModel:
    """The signature says what comes in, and names what goes out.

    What a row of zeros gives goes before what the signature says of outputs; `notes`
    say where both differ in a type.
    """

    platform = PLATFORM
    feature_names: tuple[str, ...] = ()

    def __init__(self, model: Any, inputs: ModelSchema, outputs: ModelSchema) -> None:
        self._model, self._schema = model, inputs
        self._declared, self._kinds = outputs.tensors, outputs.kinds or {}
        self.notes: list[str] = []
        self.inputs = inputs.tensors
        self.outputs = self._described()

    def predict(
        self, feeds: Mapping[str, Array], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        named = self._run(feeds)
        names = wanted or [each.name for each in self.outputs]
        if missing := [name for name in names if name not in named]:
            raise ModelFailed(f"The model's answer has no {missing[0]!r}.")
        return [(name, named[name]) for name in names]

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        given = self._schema.assembled(feeds)
        try:
            return answers.named(self._model.predict(given), self._declared)
        except ModelFailed:
            raise
        except MemoryError:
            raise OutOfMemory("The instance has too little memory for it.") from None
        except Exception as error:  # whatever a model raises
            raise _failure(error) from error

    def _described(self) -> tuple[Tensor, ...]:
        try:
            found = self._run(synthetic_inputs(self.inputs))
        except (BadRequest, ModelFailed) as error:
            cause = error.__cause__
            if isinstance(cause, ModuleNotFoundError):
                raise cause from None
            if not self._declared:
                raise TargetRefused(
                    "The MLmodel says nothing of the outputs, and the model does not "
                    f"take a row of zeros: {error}"
                ) from None
            logger.info("a row of zeros was not taken: %s", error)
            if isinstance(error, answers.OtherType):
                self.notes.append(f"A row of zeros is answered 500. {error}")
            return self._declared
        described = tuple(answers.described(found))
        self.notes += self._unlike_texts(described)
        return described

    def _unlike_texts(self, described: Sequence[Tensor]) -> list[str]:
        """Return a note for each output that the signature calls text and is not."""
        return [
            f"The output {each.name!r} is {each.datatype}; the model's signature says "
            "text."
            for each in described
            if self._kinds.get(each.name) == "string" and each.datatype != "BYTES"
        ]


def _failure(error: Exception) -> BadRequest | ModelFailed:
    """Classify an error as MLflow's signature check (the request's) or the model's.

    What the check refuses is the client's fault; a model that raises the same
    exception has failed.
    """
    message = f"{type(error).__name__}: {str(error)[:500]}"
    return BadRequest(message) if _is_of_the_check(error) else ModelFailed(message)


def _is_of_the_check(error: Exception) -> bool:
    """Whether it was raised below MLflow's check, before any model ran."""
    if type(error).__name__ != "MlflowException":
        return False
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module == "mlflow.pyfunc" and frame.f_code.co_name == CHECK:
            return True
        if module.partition(".")[0] not in OUTER:
            return False
    return False


def _listed(unmet: Sequence[str]) -> str:
    return f" Not installed: {', '.join(unmet)[:300]}." if unmet else ""


def _is_here(module: str) -> bool:
    """Whether the interpreter can import it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
