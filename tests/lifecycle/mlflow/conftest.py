"""A client of the MLflow API: what the real one sends, without the real one."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from lifecycle.mlflow import identity, rate
from mlops.core.models import ApiToken

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass
class Answer:
    status: int
    body: Any
    headers: Any
    raw: bytes

    @property
    def code(self) -> str:
        return self.body.get("error_code", "") if isinstance(self.body, dict) else ""

    @property
    def message(self) -> str:
        return self.body.get("message", "")


class MlflowClient:
    """Sends requests with one person's token."""

    def __init__(self, token: str) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def post(self, route: str, body: Any = None, **fields: Any) -> Answer:
        return self.send("POST", API + route, fields if body is None else body)

    def patch(self, route: str, **fields: Any) -> Answer:
        return self.send("PATCH", API + route, fields)

    def delete(self, route: str, **fields: Any) -> Answer:
        return self.send("DELETE", API + route, fields)

    def get(self, route: str, **query: Any) -> Answer:
        return self.send("GET", API + route, query=query)

    def ok(self, route: str, **fields: Any) -> Any:
        """POST what must work, and return the answer's body."""
        answer = self.post(route, **fields)
        assert answer.status == 200, (route, answer.body)
        return answer.body

    def put(self, path: str, content: bytes, **headers: str) -> Answer:
        return self.file("PUT", path, content, **headers)

    def file(self, method: str, path: str, content: bytes = b"", **headers) -> Answer:
        return self._answer(
            self._client.generic(
                method,
                f"{FILES}/{path}",
                content,
                content_type="application/octet-stream",
                headers={**self._headers, **headers},
            )
        )

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if method == "GET" and body is None:
            raw = b""
        return self._answer(
            self._client.generic(
                method,
                path,
                raw,
                content_type=options.pop("content_type", "application/json"),
                headers={**self._headers, **options.pop("headers", {})},
                **({"query_params": options["query"]} if "query" in options else {}),
            )
        )

    @staticmethod
    def _answer(response: Any) -> Answer:
        raw = response.getvalue()
        is_json = response.headers.get("Content-Type", "") == "application/json"
        body = json.loads(raw) if is_json and raw else None
        return Answer(response.status_code, body, response.headers, raw)


@pytest.fixture(autouse=True)
def _nobody_is_remembered():
    identity.forget()
    rate.forget()


@pytest.fixture
def mlflow_as(person):
    """Return a client signed in as a role: `mlflow_as("viewer")`."""

    def client(role: str = "data scientist", name: str = "") -> MlflowClient:
        if role == "anonymous":
            return MlflowClient("")
        user = person(role, name)
        if role == "superuser":
            user.is_superuser = True
            user.save()
        _, token = ApiToken.issue(user, f"mlflow-{user.api_tokens.count()}")
        return MlflowClient(token)

    return client


@pytest.fixture
def mlflow(mlflow_as) -> MlflowClient:
    """Return a data scientist's client."""
    return mlflow_as()


@pytest.fixture
def experiment(mlflow) -> str:
    return mlflow.ok("experiments/create", name="study")["experiment_id"]


@pytest.fixture
def run_id(mlflow, experiment) -> str:
    made = mlflow.ok("runs/create", experiment_id=experiment, run_name="first")
    return made["run"]["info"]["run_id"]
