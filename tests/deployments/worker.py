"""A reconciler in a process of its own, which may kill itself at a given point.

    python -m tests.deployments.worker [CALL:WHEN DEPLOYMENT [SIGNAL]]

`route:before` with an id is: when the target is to route to that deployment, right
before it does; `activate:after` is inside the transaction that activates it, before
that is committed. SIGSTOP lets it sleep there, once, instead. `NEXT` stands for
whatever is asked for after this reconciler began (for `stop`: for whatever is the
newest when it began). The database is the one of the test that starts it
(TEST_DATABASE).
"""

import os
import re
import signal
import sys
import threading
from datetime import timedelta

import django
from django.conf import settings

LEASE_S = 1.0
NEXT = "next"
VERBS = (
    "begin_validating",
    "begin_deploying",
    "make_way_for",
    "activate",
    "end_as_requested",
)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Killing:
    """Does what it is asked to, and dies at the chosen call about a deployment."""

    def __init__(self, point, deployment_id, number="SIGKILL"):
        self.call, _, self._when = point.partition(":")
        self._id = deployment_id
        self._spared = self._known() if deployment_id == NEXT else set()
        self._signals = [signal.Signals[number]]

    def around(self, method):
        """Return the method, struck before or after it is about the deployment."""

        def call(*arguments, **options):
            is_meant = self._is_meant(arguments)
            if is_meant and self._when == "before":
                self._strike()
            result = method(*arguments, **options)
            if is_meant and self._when == "after":
                self._strike()
            return result

        return call

    def _known(self):
        from deployments.models import Deployment  # noqa: PLC0415 - after setup

        rows = Deployment.objects.order_by("-created_at")
        ids = [str(pk) for pk in rows.values_list("pk", flat=True)]
        return set(ids[1:] if self.call == "stop" else ids)

    def _is_meant(self, arguments):
        said = " ".join(str(getattr(each, "pk", each)) for each in arguments)
        if self._id != NEXT:
            return self._id in said
        return bool(set(UUID.findall(said)) - self._spared)

    def _strike(self):
        if self._signals:
            os.kill(os.getpid(), self._signals.pop())


class DeadlyTarget:
    """A target that is another one until the chosen call."""

    def __init__(self, target, killing):
        self._target, self._killing = target, killing

    def __getattr__(self, name):
        method = getattr(self._target, name)
        return self._killing.around(method) if name == self._killing.call else method


def main():
    settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
    django.setup()
    from deployments.models import Deployment, lease  # noqa: PLC0415 - after setup
    from deployments.reconciler import Reconciler  # noqa: PLC0415 - after setup
    from deployments.reconciler.loop import run  # noqa: PLC0415 - after setup
    from deployments.states import Environment  # noqa: PLC0415 - after setup
    from deployments.targets import configured  # noqa: PLC0415 - after setup

    lease.TIME_TO_LIVE = timedelta(seconds=LEASE_S)
    target = real = configured()[0]
    if sys.argv[1:]:
        killing = Killing(*sys.argv[1:])
        target = DeadlyTarget(real, killing)
        if killing.call in VERBS:
            verb = getattr(Deployment, killing.call)
            setattr(Deployment, killing.call, killing.around(verb))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    run(Reconciler(dict.fromkeys(Environment.values, target)), stopping)
    real.close()


if __name__ == "__main__":
    main()
