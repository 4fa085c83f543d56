"""Validation in proportion: a busy machine makes it slow, and fails no good model."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.serving.processes import effort
from deployments.serving.supervisor import examination, progress
from deployments.serving.supervisor.progress import ProcessProgress
from deployments.serving.terms import (
    CapacityError,
    Phase,
    TargetBusy,
    TargetRefused,
    TransientTargetError,
)
from deployments.targets import local as local_target
from deployments.targets.local import LocalTarget
from tests.deployments.targets import models
from tests.deployments.targets.waiting import until

CORES = len(os.sched_getaffinity(0))
BURNS = "while True: pass"
SLEEPS = "import time; time.sleep(600)"


@contextlib.contextmanager
def processes(*codes):
    """Run some code beside, as long as it lasts; give the processes' ids."""
    begun = [subprocess.Popen([sys.executable, "-Sc", code]) for code in codes]
    try:
        yield [each.pid for each in begun]
    finally:
        for each in begun:
            each.kill()
            each.wait()


def ask_all(target, specs):
    """Ask until all have an answer; return the answers, and how many ran at most."""
    answers, most = {}, 0

    def ask():
        nonlocal most
        for spec in specs:
            if spec.deployment_id not in answers:
                with contextlib.suppress(TargetBusy):
                    if found := target.validate(spec):
                        answers[spec.deployment_id] = found
                        target.stop(spec.deployment_id)
            running = target._examinations.values()
            most = max(most, sum(not each.is_over for each in running))
        return len(answers) == len(specs)

    until(ask, limit_s=1200)
    return list(answers.values()), most


def test_as_many_at_once_as_there_are_processors(local, made):
    answers, most = ask_all(local, [made() for _ in range(8)])

    assert {each.platform for each in answers} == {"onnx_onnxv1"}
    assert most <= CORES


@pytest.mark.slow
def test_forty_at_once_on_a_busy_machine_fail_no_good_model(local, made):
    contents = [models.onnx_bytes(), models.skops_bytes(), models.xgboost_bytes()]
    specs = [made(contents[number % 3]) for number in range(40)]

    with processes(*[BURNS] * 8):
        answers, most = ask_all(local, specs)

    assert len(answers) == 40
    assert most <= CORES


def test_one_that_waits_long_for_a_processor_says_so(local, made, monkeypatch):
    monkeypatch.setattr(local_target, "SAY_AFTER_S", 0.0)
    content = models.evil_bytes(SLEEPS)
    sleeping = [made(content, allows_code=True) for _ in range(CORES)]
    for each in sleeping:
        assert local.validate(each) is None
    spec = made()
    local.validate(spec)

    with pytest.raises(TargetBusy, match="a processor is free"):
        until(lambda: local.validate(spec))

    for each in sleeping:
        local.stop(each.deployment_id)
    assert until(lambda: local.validate(spec)).platform == "onnx_onnxv1"


def test_computing_for_long_on_a_busy_machine_is_not_hanging(local, made, monkeypatch):
    monkeypatch.setattr(examination, "LIMIT_S", 0.5)
    monkeypatch.setattr(progress, "LOOK_S", 0.1)
    content = models.pickled(
        "[sum(range(10**5)) for _ in range(500)] and "
        "type('Own', (), {'n_features_in_': 4, 'predict': lambda self, r: r[:, 0]})()"
    )

    with processes(*[BURNS] * 2 * CORES):
        (answer,), _ = ask_all(local, [made(content, allows_code=True)])

    assert answer.platform == "sklearn_sklearn"


def test_a_model_that_uses_up_its_processor_time_is_refused(local, made, monkeypatch):
    monkeypatch.setattr(examination, "CPU_S", 4)
    spec = made(models.pickled("[0 for _ in iter(int, 1)]"), allows_code=True)

    with pytest.raises(TargetRefused, match="4 s of processor time"):
        ask_all(local, [spec])


def test_memory_is_too_little_only_when_it_was_twice(local, made):
    spec = made(models.pickled("bytearray(1 << 40)"), allows_code=True)

    with pytest.raises(TargetRefused, match="too little memory to load"):
        ask_all(local, [spec])

    log = "".join(local.logs(spec.deployment_id, 1000))
    assert log.count("out of memory at") == 2


def test_a_crash_is_the_fault_of_the_file_only_when_it_was_twice(local, made):
    code = "import os; os.write(2, b'crashes\\n'); os.kill(os.getpid(), 11)"
    spec = made(models.evil_bytes(code), allows_code=True)

    with pytest.raises(TargetRefused, match="SIGSEGV"):
        ask_all(local, [spec])

    assert "".join(local.logs(spec.deployment_id, 1000)).count("crashes") == 2


def test_a_process_that_was_killed_is_no_fault_of_its_file(local, made):
    code = "import os; os.kill(os.getpid(), 9)"
    spec = made(models.evil_bytes(code), allows_code=True)

    with pytest.raises(
        TransientTargetError, match="by the kernel, which had no memory left"
    ):
        ask_all(local, [spec])


MORE_THAN_A_MACHINE = 1 << 46
is_strict = Path("/proc/sys/vm/overcommit_memory").read_text() != "1\n"
needs_a_limit = pytest.mark.skipif(not is_strict, reason="the kernel refuses nothing")


@needs_a_limit
def test_memory_that_the_machine_lacks_is_waited_for(local, made):
    content = models.pickled(f"bytearray({MORE_THAN_A_MACHINE // 2})")
    spec = made(content, allows_code=True, memory_bytes=MORE_THAN_A_MACHINE)

    with pytest.raises(CapacityError, match="the machine has too little memory free"):
        ask_all(local, [spec])


WHERE_IT_SERVES = "__import__('resource').getrlimit(0)[0] < 0"
SOUND = "type('M', (), {'n_features_in_': 4, 'predict': lambda self, r: r[:, 0]})()"


def test_what_serves_is_refused_for_its_memory_only_when_it_was_twice(local, made):
    content = models.pickled(f"{WHERE_IT_SERVES} and bytearray(1 << 40) or {SOUND}")
    spec = made(content, allows_code=True)
    ask_all(local, [spec])

    local.apply(spec)
    seen = until(lambda: is_failed(local, spec))
    local.stop(spec.deployment_id)

    assert "too little memory to load" in seen.message
    assert seen.restarts == 2


@needs_a_limit
def test_what_serves_waits_for_memory_that_the_machine_lacks(local, made):
    wanted = f"bytearray({MORE_THAN_A_MACHINE // 2})"
    content = models.pickled(f"{WHERE_IT_SERVES} and {wanted} or {SOUND}")
    spec = made(content, allows_code=True, memory_bytes=MORE_THAN_A_MACHINE)

    local.apply(spec)
    said = until(lambda: local.observe(spec.deployment_id).message)
    phase = local.observe(spec.deployment_id).phase
    local.stop(spec.deployment_id)

    assert "the machine has too little memory free" in said
    assert phase == Phase.STARTING


def is_failed(target, spec):
    seen = target.observe(spec.deployment_id)
    return seen if seen.phase == Phase.FAILED else None


def records(target):
    return list(target._folders.instances.iterdir())


def test_one_that_is_forgotten_before_it_began_is_ended(local, made):
    spec = made(models.evil_bytes(SLEEPS), allows_code=True)

    assert local.validate(spec) is None
    local.stop(spec.deployment_id)

    (forgotten,) = local._forgotten
    until(lambda: not local._forgotten)
    assert forgotten.end == "killed by SIGKILL"
    assert not records(local)


def test_closing_leaves_none_that_has_just_begun(tmp_path, made):
    target = LocalTarget(tmp_path)
    spec = made(models.evil_bytes(SLEEPS), allows_code=True)
    for _ in range(3):
        assert target.validate(spec) is None
        target.stop(spec.deployment_id)

    target.close(stop_all=True)

    assert not records(target)


class TestProgress:
    def test_one_that_sleeps_is_idle_and_one_that_computes_is_not(self):
        with processes(SLEEPS, BURNS) as (sleeper, burner):
            asleep, busy = (
                ProcessProgress(time.monotonic()),
                ProcessProgress(time.monotonic()),
            )

            def is_idle_for_long():
                now = time.monotonic()
                asleep.look(sleeper, now)
                busy.look(burner, now)
                return asleep.idle_s(now) > 4 * progress.LOOK_S

            until(is_idle_for_long)
            now = time.monotonic()

        assert busy.idle_s(now) < asleep.idle_s(now)
        assert not asleep.is_starved(now)

    def test_one_that_waits_for_processors_is_starved_and_not_idle(self):
        with processes(*[BURNS] * (4 * CORES)) as (first, *_):
            watched = ProcessProgress(time.monotonic())

            def is_starved():
                now = time.monotonic()
                watched.look(first, now)
                return watched.is_starved(now)

            assert until(is_starved)
            assert watched.idle_s(time.monotonic()) < examination.LIMIT_S

    def test_one_that_is_gone_has_done_nothing(self):
        process = subprocess.Popen(["true"])
        process.wait()

        assert effort(process.pid) is None
