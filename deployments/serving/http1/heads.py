"""Reads heads of messages once: over a kept connection the same ones come again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

import httptools

from deployments.serving.http1.binary import UnclearLength, json_bytes_of
from deployments.serving.http1.internal_headers import NOT_FINITE, TOOK, WAS_TAKEN

END = b"\r\n\r\n"
MAX_BYTES = 4096
MOST = 4096
MOST_DIGITS = 12

Meaning = TypeVar("Meaning")


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head; names of headers are in lower case."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body_bytes: int


class KnownHead(NamedTuple, Generic[Meaning]):
    """Parsed meaning of a head, and the length of the body after it."""

    meaning: Meaning
    body_bytes: int
    is_kept: bool = False


class Heads(Generic[Meaning]):
    """Remembers what heads mean, by their bytes.

    `read` must answer from the head alone, None for what it does not take. It is not
    asked about heads that the fast path cannot take: another HTTP version, a body of
    unknown length, a connection that closes. Only what is to be kept is remembered:
    unauthenticated callers cannot fill the memory with heads.
    """

    def __init__(self, read: Callable[[Head], Meaning | None]) -> None:
        self._read = read
        self._known: dict[bytes, KnownHead[Meaning]] = {}

    def find(self, raw: bytes) -> KnownHead[Meaning] | None:
        """Return what the bytes up to and with the empty line mean."""
        try:
            return self._known[raw]
        except KeyError:
            return self._learn(raw)

    def keep(self, raw: bytes, known: KnownHead[Meaning]) -> None:
        """Remember a head that was found to be good."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[raw] = known._replace(is_kept=True)

    def _learn(self, raw: bytes) -> KnownHead[Meaning] | None:
        head = request_head(raw) if len(raw) <= MAX_BYTES else None
        meaning = self._read(head) if head is not None else None
        if head is None or meaning is None:
            return None
        return KnownHead(meaning, head.body_bytes)


def request_head(raw: bytes) -> Head | None:
    """Return a head with a body of known length after it, else None.

    Whatever is unusual is None: what httptools refuses, `Transfer-Encoding`,
    `Expect`, an upgrade, two lengths, bytes after what the parser calls the end.
    """
    reading = _HeadCallbacks()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    is_plain = (
        reading.is_complete
        and not reading.has_body
        and parser.get_http_version() == "1.1"
        and parser.should_keep_alive()
        and not parser.should_upgrade()
    )
    lengths = [value for name, value in reading.headers if name == b"content-length"]
    names = {name for name, _ in reading.headers}
    if not is_plain or len(lengths) != 1 or names & _UNUSUAL:
        return None
    if not lengths[0].isdigit():
        return None
    headers = tuple(reading.headers)
    return Head(parser.get_method(), reading.target, headers, int(lengths[0]))


_UNUSUAL = {b"transfer-encoding", b"expect", b"upgrade"}


class AnswerHead(NamedTuple):
    """`json_bytes` of the body are JSON where binary tensors follow, else None.

    `took_ms` is what the server says of itself, None where it says nothing;
    `was_taken` its mark on a refusal.
    """

    status: int
    body_bytes: int
    is_finite: bool = True
    json_bytes: int | None = None
    took_ms: int | None = None
    was_taken: bool = False


def took_ms_of(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return what `TOOK` says; names are in lower case."""
    value = next((value for name, value in headers if name == TOOK), b"")
    return int(value) if value.isdigit() and len(value) < MOST_DIGITS else None


@lru_cache(MOST)
def answer_head(raw: bytes) -> AnswerHead | None:
    """As `request_head`, of an answer over a connection that stays open."""
    reading = _HeadCallbacks()
    parser = httptools.HttpResponseParser(reading)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserError:
        return None
    names = [name for name, _ in reading.headers]
    lengths = [value for name, value in reading.headers if name == b"content-length"]
    if (
        not reading.is_complete
        or reading.has_body
        or not parser.should_keep_alive()
        or b"transfer-encoding" in names
        or len(lengths) != 1
        or not lengths[0].isdigit()
    ):
        return None
    try:
        json_bytes = json_bytes_of(reading.headers)
    except UnclearLength:
        return None
    status, is_finite = parser.get_status_code(), NOT_FINITE not in names
    took_ms = took_ms_of(reading.headers)
    was_taken = WAS_TAKEN in names
    return AnswerHead(
        status, int(lengths[0]), is_finite, json_bytes, took_ms, was_taken
    )


class _HeadCallbacks:
    """Collects what httptools calls back."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_complete = self.has_body = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.is_complete = True

    def on_body(self, body: bytes) -> None:
        self.has_body = True
