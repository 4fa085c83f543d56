"""Runs: begin, show, change, delete, restore."""

import uuid
from typing import Any

from django.db import connection

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fastpath.children import Children
from lifecycle.mlflow.fastpath.runs import (
    open_experiment,
    run_row,
    show_run,
    writable_run,
)
from lifecycle.mlflow.fields import Fields
from lifecycle.mlflow.limits import MAX_RUN_NAME, MAX_USER_LABEL
from lifecycle.mlflow.messages.runs import (
    NAME_TAG,
    NOTE_TAG,
    STATUS_BY_NUMBER,
    STATUS_OF_WIRE,
    RunRow,
    run_info,
    run_message,
)
from lifecycle.mlflow.run_names import random_name
from lifecycle.models import Run
from lifecycle.states import RunStatus
from lifecycle.store import logged, runs
from lifecycle.store.runs import NewRun
from lifecycle.times import now_ms


def create(call: MlflowCall) -> Answer:
    """Begin a run; the server makes its id."""
    fields = call.fields
    experiment_id = checks.experiment_id(fields.text("experiment_id", default="0"))
    tags = read_tags(fields)
    name = _run_name(fields.text("run_name"), tags)
    notes = tags.pop(NOTE_TAG, None)
    new = NewRun(
        uid=uuid.uuid4().hex,
        experiment_id=experiment_id,
        name=name,
        created_by=call.caller.user_id,
        user_label=fields.text("user_id")[:MAX_USER_LABEL],
        notes=notes,
        started_ms=_start_time(fields),
    )
    with connection.cursor() as cursor:
        experiment = open_experiment(cursor, experiment_id)
        pk = runs.start(cursor, new, experiment)
        logged.write(cursor, pk, labels=tags)
    username = call.by.username if call.by else None
    row = _row_of(new, pk, label=experiment.label, username=username)
    return {"run": run_message(row, Children(tags=_messages(tags)))}


def show(call: MlflowCall) -> Answer:
    with connection.cursor() as cursor:
        return {"run": show_run(cursor, call.fields.run_id())}


def change(call: MlflowCall) -> Answer:
    """Change status, end or name; a run that ended may go on again."""
    fields = call.fields
    uid = fields.run_id()
    name = fields.text("run_name")
    status, ended_ms = _status(fields.values.get("status")), fields.integer("end_time")
    checks.short(name, "run_name", MAX_RUN_NAME)
    by = call.caller.user_id
    with connection.cursor() as cursor:
        pk, _ = writable_run(cursor, uid)
        runs.report(cursor, pk, status=status, ended_ms=ended_ms, by=by)
        if name:
            runs.rename(cursor, pk, name, by=by)
            logged.write(cursor, pk, labels={NAME_TAG: name})
        return {"run_info": run_info(run_row(cursor, uid))}


def delete(call: MlflowCall) -> Answer:
    uid = call.fields.run_id()
    _existing(uid).delete_softly(by=call.by)
    return NOTHING


def restore(call: MlflowCall) -> Answer:
    uid = call.fields.run_id()
    _existing(uid).restore(by=call.by)
    return NOTHING


def read_tags(fields: Fields) -> dict[str, str]:
    """Return the tags of a request, the last of a repeated key. Raises InvalidValue."""
    return {
        checks.tag_key(
            tag.text("key", required=True), f"tags[{position}].key"
        ): checks.tag_value(tag.text("value"))
        for position, tag in enumerate(fields.objects("tags"))
    }


def _existing(uid: str) -> Run:
    run = Run.objects.select_for_update().filter(uid=uid).first()
    if run is None:
        raise Missing(f"Run with id={uid} not found")
    return run


def _run_name(given: str, tags: dict[str, str]) -> str:
    """Return the run's name and make its tag agree."""
    tagged = tags.get(NAME_TAG, "")
    if given and tagged and given != tagged:
        raise InvalidValue(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
            f"different values (run_name='{given}', mlflow.runName='{tagged}')."
        )
    name = given or tagged or random_name()
    tags[NAME_TAG] = checks.short(name, "run_name", MAX_RUN_NAME)
    return name


def _start_time(fields: Fields) -> int:
    started_ms = fields.integer("start_time")
    return now_ms() if started_ms is None else started_ms


def _status(value: Any) -> RunStatus | None:
    if value is None or value == "":
        return None
    if isinstance(value, int) and 0 < value <= len(STATUS_BY_NUMBER):
        value = STATUS_BY_NUMBER[value - 1]
    if not isinstance(value, str) or value not in STATUS_OF_WIRE:
        raise checks.invalid("status", value, "It must be a run status.")
    return STATUS_OF_WIRE[value]


def _row_of(new: NewRun, pk: int, *, label: str, username: str | None) -> RunRow:
    return RunRow(
        pk=pk,
        uid=new.uid,
        name=new.name,
        experiment_id=new.experiment_id,
        user_label=new.user_label,
        status=RunStatus.RUNNING,
        started_ms=new.started_ms,
        ended_ms=None,
        is_deleted=False,
        notes=new.notes,
        artifact_label=label,
        username=username,
    )


def _messages(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
