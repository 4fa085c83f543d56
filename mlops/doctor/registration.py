"""What apps look at in their own rows and folders, by import path."""

from collections.abc import Callable, Iterator
from typing import cast

from django.utils.module_loading import import_string

from mlops.doctor.findings import Symptom

Examination = Callable[[], Iterator[Symptom]]
"""Looks, changes nothing, and yields what is wrong."""

_paths: list[str] = []


def register(path: str) -> None:
    if path not in _paths:
        _paths.append(path)


def examinations() -> list[Examination]:
    return [cast("Examination", import_string(path)) for path in _paths]
