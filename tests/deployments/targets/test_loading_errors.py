"""What ends the loading of a model is the file's fault, or the machine's."""

import errno
import resource

import pytest

from deployments.serving.child import loading_errors
from deployments.serving.child.loading_errors import finding_of, is_file_fault
from deployments.serving.formats.base import TOO_LITTLE_MEMORY
from deployments.serving.terms import TargetRefused
from mlops.sandbox.rlimits import mapped_bytes

ROOM = 1 << 30


@pytest.fixture
def limited():
    """Let this process map a GiB more, and no more."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped_bytes() + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def refused_for(reason):
    """Return a refusal as a reader makes it, `from None`, of what was raised."""
    refused = TargetRefused(f"It cannot be loaded: {reason}")
    refused.__context__, refused.__suppress_context__ = reason, True
    return refused


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        refused_for(MemoryError()),
        refused_for(RuntimeError("std::bad_alloc")),
    ],
)
def test_memory_within_its_own_limit_is_the_files_fault_the_second_time(limited, error):
    assert finding_of(error) == {"refused": TOO_LITTLE_MEMORY, "out_of_memory": True}
    assert not is_file_fault(error)


def test_memory_without_a_limit_of_ours_is_the_machines(monkeypatch):
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _: unlimited)

    assert finding_of(MemoryError()) == {"transient": loading_errors.MACHINE_LACKS}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        refused_for(OSError(errno.ENOSPC, "No space left on device")),
        refused_for(RuntimeError("can't start new thread")),
    ],
)
def test_what_the_machine_has_no_room_for_is_tried_again(error):
    (kind, said), *rest = finding_of(error).items()

    assert (kind, rest) == ("transient", [])
    assert said in str(error) or said in str(error.__context__)


@pytest.mark.parametrize("error", [TargetRefused("no"), refused_for(ValueError("no"))])
def test_a_refusal_is_told_as_it_is(error):
    assert finding_of(error) == {"refused": str(error)}
    assert is_file_fault(error)


def test_whatever_else_a_library_raises_is_named():
    assert finding_of(ValueError("no")) == {
        "refused": "Loading it raised ValueError: no"
    }
