"""A fitted model of one of the libraries, called as its own class is called."""

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deployments.serving.formats import answers
from deployments.serving.formats.base import Array, LoadOptions, empty
from deployments.serving.formats.rows import ModelRows
from deployments.serving.oip.errors import BadRequest, ModelFailed, OutOfMemory
from deployments.serving.terms import TargetRefused, Tensor

Method = Callable[[Any], Any]
NAMES = {"sklearn": "scikit-learn", "xgboost": "XGBoost", "lightgbm": "LightGBM"}
UNKNOWN_WORDS = "Found unknown categories"
warnings.filterwarnings("ignore", message="X does not have valid feature names")


class LibraryModel:
    """Its outputs are what its methods answer, the first one's first.

    `estimator` is the scikit-learn model that it runs, if it is one; `notes` say what
    was taken where the file is silent, and what else a person should know of it.
    """

    def __init__(
        self,
        platform: str,
        rows: ModelRows,
        methods: Mapping[str, Method],
        options: LoadOptions,
        declared: Sequence[Tensor] = (),
    ) -> None:
        self.platform = platform
        self.estimator: Any = None
        self.notes: list[str] = []
        self.rows, self._methods, self._declared = rows, methods, declared
        self.inputs = rows.tensors
        self.feature_names = rows.feature_names or (
            options.feature_names if len(rows.tensors) == 1 else ()
        )
        self._source: dict[str, str] = {}
        self.outputs = self._described()

    def predict(
        self, feeds: Mapping[str, Array], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        names = wanted or list(self._source)
        if not len(next(iter(feeds.values()))):
            known = {each.name: each for each in self.outputs}
            return [(name, empty(known[name])) for name in names]
        given = self.rows.assembled(feeds)
        asked = dict.fromkeys(self._source[name] for name in names)
        found: dict[str, Array] = {}
        for method in asked:
            found |= self._run(method, given)
        if missing := [name for name in names if name not in found]:
            raise ModelFailed(f"The model's answer has no {missing[0]!r}.")
        return [(name, found[name]) for name in names]

    def _run(self, method: str, given: Any) -> dict[str, Array]:
        """Return what one method answers, by the names of outputs."""
        try:
            answer = self._methods[method](given)
            is_first = method == next(iter(self._methods))
            return answers.spread(answer, method, self._declared if is_first else ())
        except (BadRequest, ModelFailed):
            raise
        except MemoryError:
            raise OutOfMemory("The instance has too little memory for it.") from None
        except Exception as error:  # noqa: BLE001 - whatever a model's library raises
            message = str(error)[:500]
            if isinstance(error, ValueError) and message.startswith(UNKNOWN_WORDS):
                raise BadRequest(message) from None
            raise ModelFailed(f"{type(error).__name__}: {message}") from None

    def _described(self) -> tuple[Tensor, ...]:
        """Return the outputs as a made-up row shows them. Raises TargetRefused."""
        reason = ""
        for sample in self.rows.samples():
            try:
                given = self.rows.assembled(sample)
                found = {name: self._run(name, given) for name in self._methods}
            except (BadRequest, ModelFailed) as error:
                reason = reason or str(error)
                continue
            self._source = {
                output: method
                for method, outputs in reversed(found.items())
                for output in outputs
            }
            shown = {
                name: array for part in found.values() for name, array in part.items()
            }
            self._source = {name: self._source[name] for name in shown}
            return tuple(answers.described(shown))
        raise TargetRefused(f"It cannot predict a made-up row: {reason}")


def version_note(library: str, wrote: str) -> list[str]:
    """Return a sentence if a file was written by another version than reads it."""
    have = str(importlib.import_module(library).__version__)
    if not wrote or wrote == have:
        return []
    name = NAMES.get(library, library)
    written = f"The file was written by {name} {wrote} and is read by {name} {have}: "
    return [written + "answers may differ from those of the notebook."]
