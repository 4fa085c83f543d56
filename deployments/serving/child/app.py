"""The model server: the Open Inference Protocol as raw ASGI.

Every answer to a mistake is `{"error": sentence}`. Bodies are never logged.
"""

import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from deployments.serving.child.runner import Runner, Took
from deployments.serving.child.statistics import Statistics
from deployments.serving.formats import Loaded
from deployments.serving.http1.answers import content_headers
from deployments.serving.http1.binary import UnclearLength, gathered, json_bytes_of
from deployments.serving.http1.failures import (
    REQUEST_ID,
    TRACEPARENT,
    CallIds,
    FailureLog,
    log_fields,
)
from deployments.serving.http1.internal_headers import NOT_FINITE, TOOK, WAS_TAKEN
from deployments.serving.oip import convenience, encode, metadata, raw, wire
from deployments.serving.oip.binary import Tail
from deployments.serving.oip.decode import InferRequest, infer_request
from deployments.serving.oip.encode import Answer
from deployments.serving.oip.errors import BadRequest, ModelFailed, NotHere, OutOfMemory
from deployments.serving.terms import Signature

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Body = bytes | memoryview
Made = TypeVar("Made")

EXTENSIONS = ["binary_tensor_data", "statistics", "model_repository(index)"]
SERVER = {"name": "mlops-model-server", "version": "2", "extensions": EXTENSIONS}
MODEL, VERSION = ("v2", "models"), "versions"
NO_IDS = CallIds()


class ModelServer:
    """Serves one version of one model; `before` is what the version before takes."""

    before: Signature | None = None

    def __init__(
        self, model: Loaded, *, name: str, version: str, runner: Runner, max_bytes: int
    ) -> None:
        self.name, self.version = name, version
        self.take(model)
        self._runner, self._max_bytes = runner, max_bytes
        self._head = {"model_name": name, "model_version": version}
        self._failures = FailureLog(logger)
        self._statistics = Statistics()

    def take(self, model: Loaded) -> None:
        """Serve this model from now on."""
        self.model = model
        self._signature = Signature(model.inputs, model.outputs, model.feature_names)

    def answer_now(
        self, body: bytes, json_bytes: int | None = None, ids: CallIds = NO_IDS
    ) -> tuple[int, Answer, int] | None:
        """Answer an infer call in the loop itself; None if it may take longer.

        The last is the milliseconds that it took.
        """
        if not self._runner.is_quick(body):
            return None
        took, work = Took(), partial(self._infer, json_bytes)
        try:
            status, answer = 200, self._runner.run_now(work, body, took)
        except Exception as error:  # noqa: BLE001 - whatever a model's library raises
            status, answer = self._refusal(error, ids)
        return status, answer, took.ms or 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        took = Took()
        try:
            status, answer = 200, await self._answer(scope, receive, took)
        except Exception as error:  # noqa: BLE001 - whatever a model's library raises
            status, answer = self._refusal(error, _ids(scope["headers"]))
        await _respond(send, status, answer, took)

    async def _answer(self, scope: Scope, receive: Receive, took: Took) -> Answer:
        method = scope["method"]
        path = tuple(scope["path"].strip("/").split("/"))
        if method == "POST":
            return await self._post(path, scope, receive, took)
        if method in ("GET", "HEAD"):
            return Answer(wire.dumps(self._read(path)))
        raise BadRequest(f"{method} is not used here; use GET or POST.")

    async def _post(
        self, path: tuple[str, ...], scope: Scope, receive: Receive, took: Took
    ) -> Answer:
        try:
            json_bytes = json_bytes_of(scope["headers"])
        except UnclearLength:
            raise BadRequest(raw.UNCLEAR) from None
        work: Callable[[Body], Answer] = self._predict
        if path[-1] == "infer":
            self.require_here(path[:-1])
            work = partial(self._infer, json_bytes)
        elif path != ("",):
            raise NotHere("There is nothing to POST to here.")
        elif json_bytes is not None:
            raise BadRequest("Binary tensors go to an infer path of the protocol.")
        body = await self._body(receive, json_bytes)
        return await self._runner.run(work, body, took)

    def _read(self, path: tuple[str, ...]) -> dict[str, Any]:
        if path == ("v2", "health", "live"):
            return {"live": True}
        if path == ("v2", "health", "ready"):
            return {"ready": True}
        if path == ("v2",):
            return SERVER
        if path == (*MODEL, "stats"):
            return self._statistics.as_json()
        if path[-1] == "ready":
            self.require_here(path[:-1])
            return {"name": self.name, "ready": True}
        self.require_here(path)
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": self.model.platform,
            "inputs": metadata.signature(self.model.inputs),
            "outputs": metadata.signature(self.model.outputs),
        }

    def require_here(self, path: tuple[str, ...]) -> None:
        """Raise NotHere unless the path names this model, and this version if any."""
        if path[:2] != MODEL or len(path) not in (3, 5):
            raise NotHere("There is nothing at this path.")
        if path[2] != self.name:
            raise NotHere(f"There is no model {path[2]!r} here.")
        if path[3:] not in ((), (VERSION, self.version)):
            raise NotHere(f"The model {self.name!r} does not serve this version here.")

    async def _body(self, receive: Receive, json_bytes: int | None) -> Body:
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The client went away.")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._max_bytes:
                raise BodyTooLarge(f"The body is larger than {self._max_bytes} bytes.")
            more = message.get("more_body", False)
        return gathered(chunks, json_bytes)

    def _infer(self, json_bytes: int | None, body: Body) -> Answer:
        start = time.perf_counter_ns()
        try:
            request = self._decoded(partial(_request, json_bytes, body))
            given = time.perf_counter_ns()
            arrays = self.model.predict(request.feeds, request.wanted)
            found = time.perf_counter_ns()
            head = self._head
            if request.id is not None:
                head = {**head, "id": request.id}
            answer = encode.infer_response(head, arrays, request.form)
        except Exception:
            self._statistics.failed(start)
            raise
        self._statistics.succeeded(start, given, found, _rows(request.feeds))
        return answer

    def _decoded(self, read: Callable[[Signature], Made]) -> Made:
        """Return a request as the model takes it. Raises BadRequest.

        It is marked where the version before would have taken it.
        """
        try:
            return read(self._signature)
        except BadRequest as error:
            if self.before is not None:
                with contextlib.suppress(BadRequest):
                    read(self.before)
                    error.was_taken = True
            raise

    def _predict(self, body: Body) -> Answer:
        model, start = self.model, time.perf_counter_ns()
        try:
            feeds = self._decoded(partial(_feeds, body))
            given = time.perf_counter_ns()
            arrays = model.predict(feeds, ())
            found = time.perf_counter_ns()
            answer = encode.predictions(arrays)
        except Exception:
            self._statistics.failed(start)
            raise
        self._statistics.succeeded(start, given, found, _rows(feeds))
        return answer

    def _refusal(self, error: Exception, ids: CallIds) -> tuple[int, Answer]:
        """Return the answer; what nobody foresaw is the model's failure, never silence.

        A connection that closes instead would look to the gateway as if the process
        had ended.
        """
        span = ids.span
        if isinstance(error, MemoryError):
            error = OutOfMemory("The instance has too little memory for it.")
        elif not isinstance(error, BadRequest | ModelFailed):
            fields = log_fields(ids.request_id, span)
            logger.error("prediction failed", exc_info=error, extra=fields)
            error = ModelFailed(f"{type(error).__name__}: {str(error)[:500]}")
        self._failures.note(ids.request_id, error.status, str(error), span)
        was_taken = isinstance(error, BadRequest) and error.was_taken
        text = wire.dumps({"error": str(error)})
        return error.status, Answer(text, was_taken=was_taken)


class BodyTooLarge(BadRequest):
    status = 413


def _ids(headers: Sequence[tuple[bytes, bytes]]) -> CallIds:
    found = dict(headers)
    return CallIds(found.get(REQUEST_ID, b""), found.get(TRACEPARENT, b""))


def _rows(feeds: Mapping[str, Any]) -> int:
    """Return how many rows a request has, by its first input."""
    for first in feeds.values():
        shape: tuple[int, ...] = getattr(first, "shape", ())
        return shape[0] if shape else 1
    return 1


def _request(json_bytes: int | None, body: Body, takes: Signature) -> InferRequest:
    if json_bytes is None:
        return infer_request(_parsed(body), takes.inputs, takes.outputs)
    if json_bytes > len(body):
        raise BadRequest(raw.UNCLEAR)
    content = memoryview(body)[json_bytes:]
    if json_bytes == 0:
        return raw.infer_request(content, takes.inputs)
    parsed = _parsed(memoryview(body)[:json_bytes])
    return infer_request(parsed, takes.inputs, takes.outputs, Tail(content))


def _feeds(body: Body, takes: Signature) -> dict[str, Any]:
    return convenience.feeds(_parsed(body), takes.inputs, takes.feature_names)


def _parsed(body: Body) -> Any:
    try:
        return wire.loads(body)
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg}.") from None


def internal_headers_of(answer: Answer) -> list[bytes]:
    """Return the headers about an answer that are for gateways alone."""
    marks = [] if answer.is_finite else [NOT_FINITE]
    return [*marks, WAS_TAKEN] if answer.was_taken else marks


async def _respond(send: Send, status: int, answer: Answer, took: Took) -> None:
    headers = content_headers(answer.json_bytes)
    if took.ms is not None:
        headers.append((TOOK, b"%d" % took.ms))
    headers.append((b"content-length", b"%d" % len(answer.body)))
    headers += [(mark, b"1") for mark in internal_headers_of(answer)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
