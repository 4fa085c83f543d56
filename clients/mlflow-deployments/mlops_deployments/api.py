"""The REST API as this plugin uses it; knows nothing of MLflow."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

ROOT = "/api/v1/ml/lifecycle"
DEPLOYMENTS = f"{ROOT}/deployments"
ON_ITS_WAY = frozenset({"pending", "validating", "deploying"})
ENVIRONMENTS = ("development", "staging", "production")
TIMEOUT_S = 60.0
POLL_S = 0.5
_PAGE = 200
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
Deployment = dict[str, Any]


class Refused(Exception):
    """The server said no, or did not answer; `status` is 0 then."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Slot:
    """A model in an environment: what a name stands for."""

    environment: str
    model: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.model}"


def slot_of(name: str, endpoint: str | None = None) -> Slot:
    """Return what `staging/churn`, or `churn` at the endpoint `staging`, stands for.

    Raises ValueError.
    """
    environment, slash, model = name.rpartition("/")
    if slash and endpoint and endpoint != environment:
        raise ValueError(f"{name!r} is not at the endpoint {endpoint!r}.")
    environment = environment or endpoint or ENVIRONMENTS[0]
    if environment not in ENVIRONMENTS or not model:
        raise ValueError(
            f"A deployment is named environment/model, with an environment of "
            f"{', '.join(ENVIRONMENTS)}; got {name!r}."
        )
    return Slot(environment, model)


def url_of(target: str) -> str:
    """Return the server's address: HTTPS, but for this machine. Raises ValueError."""
    parts = urlsplit(target)
    if parts.scheme != "mlops" or not parts.hostname:
        raise ValueError(f"A target is mlops://host[:port], not {target!r}.")
    asked = parse_qs(parts.query).get("scheme", [])
    scheme = asked[0] if asked else "http" if parts.hostname in _HERE else "https"
    if scheme not in {"http", "https"}:
        raise ValueError(f"The scheme of a target is http or https, not {scheme!r}.")
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


class Api:
    """The deployments of one server, asked with a token."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        known = os.environ.get("MLOPS_TOKEN") or os.environ.get("MLFLOW_TRACKING_TOKEN")
        self._token = token or known or ""

    def all(self, environment: str | None = None) -> Iterator[Deployment]:
        """Yield what serves or is on its way."""
        asked = {"environment": environment} if environment else {}
        yield from (one for one in self._listed(**asked) if is_alive(one))

    def alive(self, slot: Slot) -> list[Deployment]:
        """Return what serves in a slot or is on its way there, the newest first."""
        found = self._listed(environment=slot.environment, model_name=slot.model)
        mine = [one for one in found if is_alive(one)]
        return sorted(mine, key=lambda one: -one["revision"])

    def deploy(
        self, slot: Slot, version: str, options: Mapping[str, Any]
    ) -> Deployment:
        """Ask for a deployment; it is pending."""
        body = {
            "environment": slot.environment,
            "model_id": f"{slot.model}:{version}",
            **options,
        }
        made: Deployment = self.send("POST", DEPLOYMENTS, body)
        return made

    def end(self, deployment: Deployment) -> None:
        """Take what serves out of service; cancel what is on its way."""
        status = "failed" if deployment["status"] in ON_ITS_WAY else "terminated"
        path = f"{DEPLOYMENTS}/{deployment['id']}/status"
        self.send("PATCH", path, {"status": status})

    def wait(self, deployment: Deployment, wait_s: float) -> Deployment:
        """Return the deployment once it serves. Raises Refused if it never does."""
        until = time.monotonic() + wait_s
        while True:
            now: Deployment = self.send("GET", f"{DEPLOYMENTS}/{deployment['id']}")
            if now["status"] == "active":
                return now
            if now["status"] not in ON_ITS_WAY:
                why = now["error_message"] or now["ends_note"] or "no reason was given"
                raise Refused(f"The deployment is {now['status']}: {why}")
            if time.monotonic() > until:
                raise Refused(f"The deployment is still {now['status']}.")
            time.sleep(POLL_S)

    def version_of_alias(self, model: str, alias: str) -> str:
        """Return the number of the version that an alias names."""
        asked = urlencode({"name": model, "alias": alias})
        path = f"/api/2.0/mlflow/registered-models/alias?{asked}"
        return str(self.send("GET", path)["model_version"]["version"])

    def _listed(self, **asked: str) -> Iterator[Deployment]:
        page = 1
        while True:
            query = urlencode({**asked, "limit": _PAGE, "page": page})
            found = self.send("GET", f"{DEPLOYMENTS}?{query}")
            yield from found
            if len(found) < _PAGE:
                return
            page += 1

    def send(self, method: str, address: str, body: Any = None) -> Any:
        """Return the answer's JSON; an address without a host is the API's.

        Raises Refused with the server's sentence.
        """
        url = address if "://" in address else self.url + address
        request = Request(url, method=method)  # noqa: S310 - http or https, see url_of
        request.add_header("Accept", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            raise Refused(_sentence(error), error.code) from None
        except URLError as error:
            raise Refused(f"{url} does not answer: {error.reason}") from None


def is_alive(deployment: Deployment) -> bool:
    return deployment["status"] == "active" or deployment["status"] in ON_ITS_WAY


def _sentence(error: HTTPError) -> str:
    """Return what the server says of its refusal."""
    try:
        said = json.loads(error.read())
    except ValueError:
        said = {}
    for name in ("detail", "message", "error"):
        if isinstance(said, dict) and said.get(name):
            return str(said[name])
    return f"The server answered {error.code} {error.reason}."
