"""Clients at full speed over connections that stay open."""

import itertools
import json
import threading
from collections import Counter

from tests.deployments.gateway.process import KEY
from tests.deployments.targets import models


def iris_request(name: str = "X", datatype: str = "FP32") -> bytes:
    row = models.iris()[0][0].tolist()
    tensor = {"name": name, "shape": [1, 4], "datatype": datatype, "data": row}
    return json.dumps({"inputs": [tensor]}).encode()


RECONNECT_AFTER = 100


class Clients:
    """Threads that ask without a pause until they are left (`with`).

    `statuses` counts answers; `versions` and `deployments` are those that each client
    saw, in order, repeats left out; `outcomes` counts (deployment, status). Of several
    bodies each client sends one after the other, round and round.
    """

    def __init__(self, gateway, path: str, count: int = 4, *bodies: bytes) -> None:
        self._gateway, self._path = gateway, path
        self._bodies = bodies or (iris_request(),)
        self.statuses: Counter[int | str] = Counter()
        self.outcomes: Counter[tuple[str, int]] = Counter()
        self.versions: list[list[str]] = [[] for _ in range(count)]
        self.deployments: list[list[str]] = [[] for _ in range(count)]
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=each)
            for each in zip(self.versions, self.deployments, strict=True)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def sent(self) -> int:
        return sum(self.statuses.values())

    def _ask(self, versions: list[str], deployments: list[str]) -> None:
        bodies, connection = itertools.cycle(self._bodies), self._gateway.connect()
        asked = 0
        headers = {"Authorization": f"Bearer {KEY}"}
        while not self._stop.is_set():
            if (asked := asked + 1) % RECONNECT_AFTER == 0:
                connection.close()  # the next request opens another
            try:
                connection.request("POST", self._path, next(bodies), headers)
                answer = connection.getresponse()
                found = json.loads(answer.read())
            except (OSError, ValueError) as error:
                self.statuses[type(error).__name__] += 1
                connection.close()
                continue
            self.statuses[answer.status] += 1
            if "error" in found:
                self.errors.append(found["error"])
            _note(versions, found.get("model_version", "none"))
            deployment = answer.headers.get("X-Deployment-Id", "none")
            self.outcomes[deployment, answer.status] += 1
            _note(deployments, deployment)
        connection.close()


def _note(seen: list[str], value: str) -> None:
    if seen[-1:] != [value]:
        seen.append(value)
