"""Validation: a throw-away process looks into the model, within limits."""

import os
import uuid
from dataclasses import dataclass, field
from signal import SIGKILL
from typing import Any

from deployments.serving import logs
from deployments.serving.oip.metadata import tensors_of
from deployments.serving.processes import (
    NEVER_BEGAN,
    describe_end,
    discard,
    is_alive,
    send_signal,
)
from deployments.serving.supervisor import conversions
from deployments.serving.supervisor.folders import Folders
from deployments.serving.supervisor.instance import FRESH_TIMES, job
from deployments.serving.supervisor.opened import (
    NONSENSE,
    drain,
    finding_in,
    open_beside,
    open_files,
)
from deployments.serving.supervisor.progress import ProcessProgress
from deployments.serving.supervisor.zygote_client import ZygoteClient
from deployments.serving.terms import (
    CapacityError,
    ReadingComparison,
    Spec,
    TargetBusy,
    TargetRefused,
    TransientTargetError,
    Validation,
)

LIMIT_S = 30.0
"""A process that does nothing for so long hangs."""
WALL_S = 900.0
"""And one that is not kept waiting has ended by then."""
CPU_S = 60
DATA_BYTES_A_S = 50 << 20
"""What is hashed, copied and used in a second at the least, of files of weights."""
_KILLED_BY_LIMIT = "killed by SIGXCPU"


_KILLED, _GONE = "killed by SIGKILL", "gone"
KILLED = (
    "The process that loaded the model was killed: by somebody, or by the kernel, "
    "which had no memory left."
)
GONE = "The process that loaded the model is gone, as is the one that began it."


class RetryExamination(Exception):
    """It had too little memory, or crashed: the file's fault when it is so twice."""


@dataclass(slots=True)
class Examination:
    """A validation process and its result; repeated calls give the same result."""

    id: str
    spec: Spec
    progress: ProcessProgress
    report: int
    folders: Folders
    generation: int
    pid: int = 0
    born: int | None = None
    output: bytearray = field(default_factory=bytearray)
    text: bytes | None = None
    end: str = ""
    start_error: str = ""
    late: bool = False
    may_repeat: bool = True

    def poll(self, zygote: ZygoteClient, now: float) -> bool:
        """Read the process's output and exit status; True if either is new."""
        known = (self.text, self.end, self.late)
        if not self.pid and self.id in zygote.started:
            self.pid, self.born = zygote.started.pop(self.id)
        if self.report >= 0 and drain(self.report, self.output):
            self.text = bytes(self.output)
            part = conversions.part_of(self.folders, self.id)
            conversions.keep(part, self.spec, finding_in(self.text), self.folders)
            self._close()
        if self.id in zygote.ended:
            self.end = describe_end(zygote.ended.pop(self.id))
            self.start_error = zygote.start_errors.pop(self.id, "")
        elif (
            self.pid
            and not zygote.is_connected(self.generation)
            and not is_alive(self.pid, self.born)
        ):
            self.end = self.end or _GONE
        if not self.end and self._is_late(now):
            self.late = True
            self.kill()
        if self.end:
            self._clear()
        return known != (self.text, self.end, self.late)

    @property
    def is_over(self) -> bool:
        return bool(self.end) or self.late

    def _is_late(self, now: float) -> bool:
        """Whether it hangs: a busy machine alone makes nothing late."""
        self.progress.look(self.pid, now)
        if self.progress.idle_s(now) > limit_s(self.spec):
            return True
        return self.progress.age_s(now) > WALL_S and not self.progress.is_starved(now)

    def finding(self, now: float) -> Validation | None:
        """Return what was found, None as long as nothing is; raises as `report_of`."""
        found = self.report_of(now)
        return None if found is None else _validation(found)

    def comparison(self, now: float) -> ReadingComparison | None:
        """Return what a comparison found; None and errors as of `finding`."""
        found = self.report_of(now)
        return None if found is None else _comparison(found)

    def report_of(self, now: float) -> dict[str, Any] | None:
        """Return the process's report, None while there is none.

        Raises TargetRefused for a fault of the file, RetryExamination the first time
        that memory ends or the process crashes, TargetBusy while it waits for CPU, and
        TransientTargetError for faults of the machine.
        """
        if self.late:
            raise TargetRefused(
                "The process that loaded the model has done nothing for "
                f"{limit_s(self.spec):g} s, or was not done after {WALL_S:g} s; the "
                "model hangs or is too slow to serve."
            )
        if self.text:
            return self._checked(finding_in(self.text))
        if self.start_error:
            raise _capacity_error(self.start_error)
        if self.end == describe_end(NEVER_BEGAN):
            raise TransientTargetError("The process that loads models was not begun.")
        if self.end:
            raise self._blame()
        if self.progress.age_s(now) > limit_s(self.spec) and (
            self.progress.is_starved(now)
        ):
            raise TargetBusy(
                "The machine is busy: the model's validation waits for it."
            )
        return None

    def _checked(self, found: dict[str, Any]) -> dict[str, Any]:
        if self.may_repeat and "out_of_memory" in found:
            raise RetryExamination
        if "transient" in found:
            raise _capacity_error(str(found["transient"]))
        return found

    def _blame(self) -> Exception:
        """Return what to raise of a process that ended without a report."""
        limit_s = cpu_s(self.spec)
        if self.end == _KILLED_BY_LIMIT or (
            self.end == _KILLED and self.progress.run_s >= limit_s
        ):
            return TargetRefused(
                f"Loading the model took more than {limit_s} s of processor time."
            )
        if self.end in (_KILLED, _GONE):
            return TransientTargetError(KILLED if self.end == _KILLED else GONE)
        return RetryExamination() if self.may_repeat else TargetRefused(_why(self.end))

    def kill(self) -> None:
        """End the process and discard its output."""
        self._close()
        discard(conversions.part_of(self.folders, self.id))
        if self.pid:
            send_signal(self.pid, self.born, SIGKILL)
        self._clear()

    def _clear(self) -> None:
        discard(self.folders.record(self.id))
        self.folders.clear_sandbox_dir(self.id)

    def _close(self) -> None:
        if self.report >= 0:
            os.close(self.report)
            self.report = -1


def begin(
    spec: Spec,
    folders: Folders,
    zygote: ZygoteClient,
    now: float,
    before: Spec | None = None,
) -> Examination:
    """Start a process that validates the model. Raises TargetRefused or OSError.

    With `before` it compares the two, and converts nothing.
    """
    examination_id = uuid.uuid4().hex
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(ours, False)
    files = {"report": theirs}
    try:
        files.update(open_files(spec))
        files["log"] = logs.open_for_append(folders.log(spec.deployment_id))
        beside = {"golden": spec.file.golden, "example": spec.file.example}
        for name, path in beside.items():
            if path is not None:
                files[name] = open_beside(path)
        if before is not None:
            opened = open_files(before)
            files.update({f"{name}_before": each for name, each in opened.items()})
        elif spec.converts:
            part = conversions.part_of(folders, examination_id)
            files["converted"] = conversions.open_part(part)
        message = _message(examination_id, spec, folders)
        if before is not None:
            older = {"reading": before.reading, "sha256": before.file.sha256}
            message |= {"run": "compare", "job": message["job"] | {"before": older}}
        zygote.fork(message, files)
    except BaseException:
        os.close(ours)
        raise
    finally:
        for descriptor in files.values():
            os.close(descriptor)
    return Examination(
        examination_id, spec, ProcessProgress(now), ours, folders, zygote.generation
    )


def limit_s(spec: Spec) -> float:
    """Return the seconds after which a process that does nothing hangs."""
    return LIMIT_S * FRESH_TIMES if spec.allows_code else LIMIT_S


def cpu_s(spec: Spec) -> int:
    """Return the seconds of processor time that validation may take."""
    return CPU_S + spec.file.data_bytes // DATA_BYTES_A_S


def _message(examination_id: str, spec: Spec, folders: Folders) -> dict[str, Any]:
    return {
        "id": examination_id,
        "run": "examine",
        "record_path": os.fspath(folders.record(examination_id)),
        "record": {"id": examination_id, "deployment_id": spec.deployment_id},
        "job": {**job(spec, folders, examination_id), "cpu_s": cpu_s(spec)},
    }


def _capacity_error(reason: str) -> CapacityError:
    return CapacityError(f"The model cannot be validated now: {reason}.")


def _comparison(found: dict[str, Any]) -> ReadingComparison:
    if "refused" in found:
        raise TargetRefused(str(found["refused"]))
    try:
        differences = tuple(map(str, found["differences"]))
        return ReadingComparison(differences, int(found["requests"]))
    except (KeyError, TypeError, ValueError):
        raise TargetRefused(NONSENSE) from None


def _validation(found: dict[str, Any]) -> Validation:
    if "refused" in found:
        raise TargetRefused(str(found["refused"]))
    try:
        return Validation(
            found["platform"],
            tensors_of(found["inputs"]),
            tensors_of(found["outputs"]),
            found["latency_p50_ms"],
            found["golden_rows"],
            tuple(found["feature_names"]),
            str(found.get("conversion", "")),
            tuple(map(str, found.get("notes", ()))),
        )
    except (KeyError, TypeError):
        raise TargetRefused(NONSENSE) from None


def _why(end: str) -> str:
    if end.startswith("killed by"):
        return (
            f"The process that loaded the model was {end}: the file is damaged, or "
            "its library cannot read it."
        )
    return f"The process that loaded the model {end} without a word."
