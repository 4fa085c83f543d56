"""A reconciler in a process of its own, which may kill itself at a given point.

    python -m tests.deployments.worker [CALL:WHEN DEPLOYMENT [SIGNAL]]

`route:before` with an id is: when the target is to route to that deployment, right
before it does. SIGSTOP lets it sleep there, once, instead. The database is the one of
the test that starts it (TEST_DATABASE).
"""

import os
import signal
import sys
import threading
from datetime import timedelta

import django
from django.conf import settings

LEASE_S = 1.0


class Killing:
    """A target that is another one until the chosen call, and dies there."""

    def __init__(self, target, point, deployment_id, number="SIGKILL"):
        self._target = target
        self._call, _, self._when = point.partition(":")
        self._id = deployment_id
        self._signals = [signal.Signals[number]]

    def __getattr__(self, name):
        method = getattr(self._target, name)
        if name != self._call:
            return method

        def call(argument):
            is_meant = self._id in str(argument)
            if is_meant and self._when == "before":
                self._strike()
            result = method(argument)
            if is_meant and self._when == "after":
                self._strike()
            return result

        return call

    def _strike(self):
        if self._signals:
            os.kill(os.getpid(), self._signals.pop())


def main():
    settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
    django.setup()
    from deployments.models import lease  # noqa: PLC0415 - after setup
    from deployments.reconciler import Reconciler  # noqa: PLC0415 - after setup
    from deployments.reconciler.loop import run  # noqa: PLC0415 - after setup
    from deployments.states import Environment  # noqa: PLC0415 - after setup
    from deployments.targets import configured  # noqa: PLC0415 - after setup

    lease.TIME_TO_LIVE = timedelta(seconds=LEASE_S)
    target = real = configured()[0]
    if sys.argv[1:]:
        target = Killing(real, *sys.argv[1:])
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    run(Reconciler(dict.fromkeys(Environment.values, target)), stopping)
    real.close()


if __name__ == "__main__":
    main()
