"""Reads MLflow's MLmodel files: which file of the folder is the model, as data.

Nothing of the folder is loaded or run; a file that makes no sense says nothing.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

NAME = "MLmodel"
MAX_BYTES = 128 << 10
"""Real ones have a few kilobytes; YAML takes long to read."""

_FILES = {
    "onnx": ("data",),
    "xgboost": ("data",),
    "lightgbm": ("data",),
    "sklearn": ("pickled_model", "data"),
}
"""The flavours whose file can be loaded without MLflow, and the key that names it."""

_VERSIONS = {
    "onnx": "onnx_version",
    "xgboost": "xgb_version",
    "lightgbm": "lgb_version",
    "sklearn": "sklearn_version",
}

PYFUNC = "pyfunc"
"""What a model is called that says no more than how its code is loaded."""

_GENERIC = "python_function"
_FLAVOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

PICKLES = (".pkl", ".pickle", ".joblib")


@dataclass(frozen=True, slots=True)
class Pyfunc:
    """The `python_function` flavor of an MLmodel; paths are relative to the folder.

    `inputs` and `outputs` are the signature's, in JSON.
    """

    loader_module: str
    code: str = ""
    data: str = ""
    inputs: str = ""
    outputs: str = ""


@dataclass(frozen=True, slots=True)
class PredictSpec:
    """How to call the model file that an MLmodel names; empty fields are unknown.

    `flavor` and `version` are of the library that wrote the file; `model_class` names
    the class that loads it, `predict_fn` its method; `inputs` and `outputs` are the
    signature's, in JSON.
    """

    flavor: str = ""
    version: str = ""
    model_class: str = ""
    predict_fn: str = ""
    inputs: str = ""
    outputs: str = ""


@dataclass(frozen=True, slots=True)
class MLmodel:
    """A parsed MLmodel file: the model's path relative to its folder, and the columns.

    `columns` is empty for tensors and for inputs without names. `predict_spec` belongs
    to the path; `example` is the path of a logged request. Without a path, the folder
    can be served as its `pyfunc`, if it has one. `framework` is the name of the flavour
    of the path, else of the first one; PYFUNC if there is none but the generic one.
    """

    path: str = ""
    columns: tuple[str, ...] = ()
    pyfunc: Pyfunc | None = None
    predict_spec: PredictSpec = field(default_factory=PredictSpec)
    example: str = ""
    framework: str = ""


class _Loader(yaml.SafeLoader):
    """Plain data only; no aliases, which can make a small file a huge one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def read(content: bytes) -> MLmodel:
    """Return what the file says; nothing when it is damaged, hostile or too large."""
    if len(content) > MAX_BYTES:
        return MLmodel()
    try:
        parsed = _Loader(content).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError):
        return MLmodel()
    if not isinstance(parsed, dict):
        return MLmodel()
    flavors, signature = parsed.get("flavors"), parsed.get("signature")
    pyfunc = _pyfunc(flavors, signature)
    flavor, path = _path(flavors)
    if pyfunc is not None and pyfunc.code and path.endswith(PICKLES):
        path = ""  # the pickle is nothing without the folder's code
    predict_spec = (
        _predict_spec(flavor, parsed["flavors"], signature) if path else PredictSpec()
    )
    example = _example(parsed.get("saved_input_example_info"))
    return MLmodel(
        path=path,
        columns=_columns(signature),
        pyfunc=pyfunc,
        predict_spec=predict_spec,
        example=example,
        framework=_framework(flavors, flavor),
    )


def _framework(flavors: Any, served: str) -> str:
    if not isinstance(flavors, dict):
        return ""
    named = [one for one in flavors if isinstance(one, str) and one != _GENERIC]
    for name in [served, *named]:
        if _FLAVOR_NAME.fullmatch(name):
            return name
    return PYFUNC if _GENERIC in flavors else ""


def _pyfunc(flavors: Any, signature: Any) -> Pyfunc | None:
    entry = flavors.get(_GENERIC) if isinstance(flavors, dict) else None
    if not isinstance(entry, dict):
        return None
    module = entry.get("loader_module")
    code, place = entry.get("code") or "", entry.get("data") or ""
    for path in (code, place):
        if not isinstance(path, str) or (path and not _is_plain(path)):
            return None
    if not isinstance(module, str) or not module:
        return None
    inputs, outputs = _sides(signature)
    return Pyfunc(module, code, place, inputs, outputs)


def _sides(signature: Any) -> tuple[str, str]:
    """Return the signature's inputs and outputs, in JSON as they stand there."""
    parsed = signature if isinstance(signature, dict) else {}
    sides = [parsed.get("inputs"), parsed.get("outputs")]
    inputs, outputs = (side if isinstance(side, str) else "" for side in sides)
    return inputs, outputs


def _predict_spec(flavor: str, flavors: dict[str, Any], signature: Any) -> PredictSpec:
    entry, pyfunc = flavors[flavor], flavors.get(_GENERIC)
    if not isinstance(pyfunc, dict):
        pyfunc = {}
    parsed = [
        entry.get(_VERSIONS[flavor]),
        entry.get("model_class"),
        pyfunc.get("predict_fn"),
    ]
    version, model_class, predict_fn = (
        one if isinstance(one, str) else "" for one in parsed
    )
    return PredictSpec(flavor, version, model_class, predict_fn, *_sides(signature))


def _example(entry: Any) -> str:
    """Return the path of the request that MLflow logged, as it would be sent."""
    path = entry.get("serving_input_path") if isinstance(entry, dict) else None
    return path if isinstance(path, str) and _is_plain(path) else ""


def _path(flavors: Any) -> tuple[str, str]:
    """Return the flavour whose file is served, and the file's path, or nothing."""
    for flavor, keys in _FILES.items():
        entry = flavors.get(flavor) if isinstance(flavors, dict) else None
        for key in keys:
            path = entry.get(key) if isinstance(entry, dict) else None
            if isinstance(path, str) and _is_plain(path):
                return flavor, path
    return "", ""


def _is_plain(path: str) -> bool:
    """Whether a path stays in its folder."""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts


def _columns(signature: Any) -> tuple[str, ...]:
    """Return the names of the input's columns, in their order."""
    text = signature.get("inputs") if isinstance(signature, dict) else None
    try:
        inputs = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return ()
    if not isinstance(inputs, list):
        return ()
    names = [each.get("name") for each in inputs if _is_column(each)]
    return tuple(names) if len(names) == len(inputs) else ()


def _is_column(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("type") != "tensor"
        and isinstance(entry.get("name"), str)
    )
