"""The model server's side of each connection."""

from typing import Any, NamedTuple
from urllib.parse import unquote

from deployments.serving.child.app import ModelServer, internal_headers_of
from deployments.serving.http1.answers import whole
from deployments.serving.http1.binary import UnclearLength, json_bytes_of
from deployments.serving.http1.failures import REQUEST_ID, TRACEPARENT, CallIds
from deployments.serving.http1.fastpath import FastPathProtocol
from deployments.serving.http1.heads import END, Head, Heads
from deployments.serving.http1.internal_headers import TOOK
from deployments.serving.oip.encode import Answer
from deployments.serving.oip.errors import NotHere

AT_ONCE = b"%b: 0\r\n" % TOOK
ID_LINE, TRACE_LINE = b"\r\n%b: " % REQUEST_ID, b"\r\n%b: " % TRACEPARENT


class InferCall(NamedTuple):
    """A plain infer call on the model; `json_bytes` of its body are JSON, or all."""

    json_bytes: int | None


def without_ids(raw: bytes) -> tuple[bytes, CallIds]:
    """Return a head without its last lines, if those are the call's ids, and the ids.

    Gateways put them there: all heads of one kind are the same before them.
    """
    at, end = raw.rfind(ID_LINE), len(raw) - len(END)
    if at < 0 or raw.find(b"\r\n", at + 2) != end:
        return raw, CallIds()
    request_id = raw[at + len(ID_LINE) : end]
    begin = raw.rfind(TRACE_LINE, 0, at)
    if begin < 0 or raw.find(b"\r\n", begin + 2) != at:
        return raw[:at] + END, CallIds(request_id)
    return raw[:begin] + END, CallIds(request_id, raw[begin + len(TRACE_LINE) : at])


def internal_lines(answer: Answer, took_ms: int) -> bytes:
    """Return the lines of a head that are for gateways alone."""
    took = b"%b: %d\r\n" % (TOOK, took_ms) if took_ms else AT_ONCE
    if answer.is_finite and not answer.was_taken:
        return took
    return took + b"".join(b"%b: 1\r\n" % mark for mark in internal_headers_of(answer))


def protocol_of(server: ModelServer) -> type[FastPathProtocol[InferCall]]:
    """Return the protocol of the process's one model."""

    def call(head: Head) -> InferCall | None:
        """Parse a plain infer call on the model; None for any other request."""
        parts = tuple(unquote(head.target.decode("latin-1")).strip("/").split("/"))
        if head.method != b"POST" or parts[-1] != "infer":
            return None
        try:
            server.require_here(parts[:-1])
            return InferCall(json_bytes_of(head.headers))
        except (NotHere, UnclearLength):
            return None

    class ModelProtocol(FastPathProtocol[InferCall]):
        heads = Heads(call)

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._ids = CallIds()

        def key_of(self, raw: bytes) -> bytes:
            key, self._ids = without_ids(raw)
            return key

        def begin(self, meaning: InferCall, body: bytes) -> bool:
            found = server.answer_now(body, meaning.json_bytes, self._ids)
            if found is None:
                return False
            status, answer, took_ms = found
            more = internal_lines(answer, took_ms)
            self.answer(whole(status, answer.body, more, answer.json_bytes))
            return True

    return ModelProtocol
