"""The model server: the Open Inference Protocol as raw ASGI.

Every answer to a mistake is `{"error": sentence}`. Bodies are never logged.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from deployments.serving.child.runner import Runner
from deployments.serving.formats import Loaded
from deployments.serving.http1.heads import NOT_FINITE
from deployments.serving.oip import convenience, encode, wire
from deployments.serving.oip.decode import infer_request
from deployments.serving.oip.encode import Answer
from deployments.serving.oip.errors import BadRequest, ModelFailed, NotHere, OutOfMemory

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SERVER = {"name": "mlops-model-server", "version": "1", "extensions": []}
BINARY = b"inference-header-content-length"
MODEL, VERSION = ("v2", "models"), "versions"


class ModelServer:
    """Serves one version of one model."""

    def __init__(
        self, model: Loaded, *, name: str, version: str, runner: Runner, max_bytes: int
    ) -> None:
        self.model, self.name, self.version = model, name, version
        self._runner, self._max_bytes = runner, max_bytes
        self._head = {"model_name": name, "model_version": version}

    def answer_now(self, body: bytes) -> tuple[int, Answer] | None:
        """Answer an infer call in the loop itself; None if it may take longer."""
        if not self._runner.is_quick(body):
            return None
        try:
            return 200, self._runner.run_now(self._infer, body)
        except Exception as error:  # noqa: BLE001 - whatever a model's library raises
            return _refusal(error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            status, answer = 200, await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - whatever a model's library raises
            status, answer = _refusal(error)
        await _respond(send, status, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method = scope["method"]
        path = tuple(scope["path"].strip("/").split("/"))
        if method == "POST":
            work = self._infer if path[-1] == "infer" else self._predict
            if work == self._infer:
                self.require_here(path[:-1])
            elif path != ("",):
                raise NotHere("There is nothing to POST to here.")
            body = await self._body(scope, receive)
            return await self._runner.run(work, body)
        if method in ("GET", "HEAD"):
            return Answer(wire.dumps(self._read(path)))
        raise BadRequest(f"{method} is not used here; use GET or POST.")

    def _read(self, path: tuple[str, ...]) -> dict[str, Any]:
        if path == ("v2", "health", "live"):
            return {"live": True}
        if path == ("v2", "health", "ready"):
            return {"ready": True}
        if path == ("v2",):
            return SERVER
        if path[-1] == "ready":
            self.require_here(path[:-1])
            return {"name": self.name, "ready": True}
        self.require_here(path)
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": self.model.platform,
            "inputs": encode.signature(self.model.inputs),
            "outputs": encode.signature(self.model.outputs),
        }

    def require_here(self, path: tuple[str, ...]) -> None:
        """Raise NotHere unless the path names this model, and this version if any."""
        if path[:2] != MODEL or len(path) not in (3, 5):
            raise NotHere("There is nothing at this path.")
        if path[2] != self.name:
            raise NotHere(f"There is no model {path[2]!r} here.")
        if path[3:] not in ((), (VERSION, self.version)):
            raise NotHere(f"The model {self.name!r} does not serve this version here.")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        for name, _ in scope["headers"]:
            if name == BINARY:
                raise BadRequest("Binary tensors are not taken; send JSON.")
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The client went away.")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._max_bytes:
                raise TooLarge(f"The body is larger than {self._max_bytes} bytes.")
            more = message.get("more_body", False)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _infer(self, body: bytes) -> Answer:
        request = infer_request(_parsed(body), self.model.inputs, self.model.outputs)
        head = self._head if request.id is None else {**self._head, "id": request.id}
        return encode.infer_response(
            head, self.model.predict(request.feeds, request.wanted)
        )

    def _predict(self, body: bytes) -> Answer:
        model = self.model
        feeds = convenience.feeds(_parsed(body), model.inputs, model.feature_names)
        return encode.predictions(model.predict(feeds, ()))


class TooLarge(BadRequest):
    status = 413


def _parsed(body: bytes) -> Any:
    try:
        return wire.loads(body)
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg}.") from None


def _refusal(error: Exception) -> tuple[int, Answer]:
    """Return the answer; what nobody foresaw is the model's failure, never silence.

    A connection that closes instead would look to the gateway as if the process had
    ended.
    """
    if isinstance(error, BadRequest):
        return error.status, _sentence(error)
    if isinstance(error, MemoryError):
        error = OutOfMemory("The instance has too little memory for it.")
    elif not isinstance(error, ModelFailed):
        logger.error("prediction failed", exc_info=error)
        error = ModelFailed(f"{type(error).__name__}: {str(error)[:500]}")
    logger.warning("prediction failed: %s", error)
    return error.status, _sentence(error)


def _sentence(error: Exception) -> Answer:
    return Answer(wire.dumps({"error": str(error)}))


async def _respond(send: Send, status: int, answer: Answer) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
    ]
    if not answer.is_finite:
        headers.append((NOT_FINITE, b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
