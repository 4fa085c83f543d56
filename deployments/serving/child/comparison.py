"""Comparison of a model's answers under two revisions of the reading rules."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from deployments.serving.child import modelfile, report
from deployments.serving.child.loading_errors import finding_of, is_file_fault
from deployments.serving.formats import Loaded, example
from deployments.serving.formats.base import Array, synthetic_inputs
from deployments.serving.formats.golden import cases, differing
from deployments.serving.oip import convenience
from deployments.serving.oip.decode import tensors
from deployments.serving.oip.errors import BadRequest, ModelFailed
from deployments.serving.oip.metadata import signature
from deployments.serving.terms import TargetRefused, Tensor

logger = logging.getLogger(__name__)

MADE_UP, SEED, SCALES = 32, 1, (1.0, 10.0, 1000.0)
MOST, LONGEST, MOST_STORED = 10, 300, 100
ABSOLUTE, RELATIVE = 1e-9, 1e-6
TWICE = "the instance has too little memory to load it twice."
Feeds = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ComparedRequest:
    """A request that is put to both; `name` is what a person calls it."""

    name: str
    feeds: Callable[[Loaded], Feeds]


def run(
    job: dict[str, Any],
    descriptors: dict[str, int],
    shut_in: Callable[[], object],
    audit: modelfile.Audit | None = None,
) -> int:
    """Report where the job's rules answer otherwise than those in `before`.

    `refused` is why that cannot be known.
    """
    newer = _source("", job, descriptors, audit)
    before = _source("_before", {**job, **job["before"]}, descriptors, audit)
    for source in (newer, before):
        try:
            source.warm_up()
        except ImportError as error:
            logger.info("not prepared: %s", error)
    shut_in()
    try:
        found = _compared(before.load(), newer.load, descriptors)
    except (TargetRefused, MemoryError) as error:
        found = finding_of(error)
        if "out_of_memory" in found:
            found = {"refused": TWICE}
    report.send(descriptors["report"], found)
    return 0


def _source(
    suffix: str,
    job: dict[str, Any],
    descriptors: dict[str, int],
    audit: modelfile.Audit | None,
) -> modelfile.StoredFile:
    """Return one of the two files, whose descriptors' names end in `suffix`."""
    own = {
        name: descriptors[name + suffix]
        for name in ("model", "manifest", "data")
        if name + suffix in descriptors
    }
    return modelfile.StoredFile(job, own, audit)


def _compared(
    now: Loaded, load_newer: Callable[[], Loaded], descriptors: dict[str, int]
) -> dict[str, Any]:
    try:
        newer = load_newer()
    except TargetRefused as error:
        if not is_file_fault(error):
            raise
        return _report([f"the file would be refused: {error}"], 0)
    differences = [*_declared(now, newer)]
    count = 0
    for question in _questions(now, descriptors):
        answers = _answers(now, question)
        if answers is not None:
            count += 1
            differences.extend(_difference(question, answers, newer))
    if not count and not differences:
        raise TargetRefused(
            "it answers no request that could be asked, or none alike twice."
        )
    return _report(differences, count)


def _report(differences: list[str], count: int) -> dict[str, Any]:
    found = [each[:LONGEST] for each in dict.fromkeys(differences)][:MOST]
    return {"differences": found, "requests": count}


def _declared(now: Loaded, newer: Loaded) -> Iterator[str]:
    """Yield what the two say of themselves differently."""
    for verb, ours, theirs in (
        ("ask for", now.inputs, newer.inputs),
        ("answer", now.outputs, newer.outputs),
    ):
        if signature(ours) != signature(theirs):
            yield f"it would {verb} {_words(theirs)}, instead of {_words(ours)}"
    if now.feature_names != newer.feature_names:
        columns = ", ".join(newer.feature_names) or "none"
        yield f"the columns that it names would be {columns}"


def _words(given: tuple[Tensor, ...]) -> str:
    names = [
        f"{each.name} ({each.datatype} {[*each.shape]})".replace("'", "")
        for each in given
    ]
    return ", ".join(names) or "nothing"


def _questions(now: Loaded, descriptors: dict[str, int]) -> Iterator[ComparedRequest]:
    """Yield what was stored with the model, then what is made up."""
    if "golden" in descriptors:
        stored = cases(modelfile.whole(descriptors["golden"]))
        for case in stored[:MOST_STORED]:
            yield ComparedRequest("a golden row", partial(_golden, case))
    if "example" in descriptors:
        body = example.body(modelfile.whole(descriptors["example"]))
        yield ComparedRequest("the logged example", partial(_example, body))
    random = np.random.default_rng(SEED)
    for number in range(MADE_UP):
        row = _synthetic_inputs(now.inputs, random, SCALES[number % len(SCALES)])
        yield ComparedRequest("a made-up row", partial(_in_form_of, row, now))


def _golden(case: Any, model: Loaded) -> Feeds:
    try:
        return tensors(case["inputs"], model.inputs)
    except (KeyError, TypeError) as error:
        raise BadRequest(f"it has no {error}") from None


def _example(body: Any, model: Loaded) -> Feeds:
    return convenience.feeds(body, model.inputs, model.feature_names)


def _in_form_of(row: Feeds, now: Loaded, model: Loaded) -> Feeds:
    """Return the row as a client sends it: as rows, where the inputs are others."""
    if signature(model.inputs) == signature(now.inputs):
        return row
    (only,) = row.values() if len(row) == 1 else ([],)
    if not isinstance(only, np.ndarray):
        return row
    return _example({"instances": only.tolist()}, model)


def _synthetic_inputs(
    inputs: tuple[Tensor, ...], random: np.random.Generator, scale: float
) -> Feeds:
    """Return one row of numbers of about this size, of either sign."""
    row: Feeds = {}
    for name, zeros in synthetic_inputs(inputs).items():
        row[name] = zeros
        if isinstance(zeros, np.ndarray) and zeros.dtype.kind in "fiub":
            numbers = np.asarray(random.normal(0, scale, zeros.shape))
            if zeros.dtype.kind in "ub":
                numbers = np.abs(numbers)
            with np.errstate(invalid="ignore", over="ignore"):
                row[name] = numbers.astype(zeros.dtype)
    return row


def _answers(model: Loaded, question: ComparedRequest) -> Mapping[str, Array] | None:
    """Return what it answers now, None for what it does not, or not alike twice."""
    try:
        first, second = (
            dict(model.predict(question.feeds(model), ())) for _ in range(2)
        )
    except (BadRequest, ModelFailed, KeyError):
        return None
    is_alike = first.keys() == second.keys() and not any(
        _other_value(name, first[name], second[name]) for name in first
    )
    return first if is_alike else None


def _difference(
    question: ComparedRequest, answers: Mapping[str, Array], newer: Loaded
) -> Iterator[str]:
    try:
        others = dict(newer.predict(question.feeds(newer), ()))
    except (BadRequest, KeyError) as error:
        yield f"{question.name} would be refused: {error}"
        return
    except ModelFailed as error:
        yield f"{question.name} would fail: {error}"
        return
    for name, is_now in answers.items():
        if name not in others:
            yield f"{question.name} would get no {name!r}"
        elif difference := _other_value(name, is_now, others[name]):
            yield f"{difference} to {question.name}"


def _other_value(name: str, is_now: Array, newer: Array) -> str:
    """Return the first value that is another one, "" if all are equal."""
    if is_now.shape != newer.shape:
        return f"{name!r} would be of shape {[*newer.shape]}, not {[*is_now.shape]},"
    wrong = differing(newer, is_now, ABSOLUTE, RELATIVE)
    if not wrong.any():
        return ""
    first = tuple(np.argwhere(wrong)[0])
    return f"{name!r} would be {newer[first]}, not {is_now[first]},"
