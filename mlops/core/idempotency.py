"""Answers a repeated request with the first answer instead of acting twice.

A key belongs to its caller, method, path and body for 24 hours. It is claimed in a
transaction of its own, so that a second request sees the first at work; the answer
is kept in the transaction of the effect, so that there is never one without the
other. A failed request has changed nothing, so its key is free again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from rest_framework.response import Response

from mlops.core.errors import BadHeader, DomainError, Invalid
from mlops.core.headers import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, MAX_KEY
from mlops.core.json import JSONRenderer
from mlops.core.models import IdempotencyRecord

HEADER = IDEMPOTENCY_KEY.name
REPLAYED = IDEMPOTENCY_REPLAYED.name
KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(minutes=1)
LEASE_OF_UPLOADS = timedelta(minutes=30)
_KEPT_HEADERS = ("Location", "ETag", "X-Total-Count")


class StillRunning(DomainError):
    code = "idempotency_running"


class KeyReused(Invalid):
    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """The request that an idempotency key identifies."""

    caller: str
    key: str
    method: str
    path: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to process a key's request, until `running_until`."""

    record_id: int
    running_until: datetime

    def keep(self, response: Response) -> None:
        """Store the answer. Raises StillRunning when the claim ran out meanwhile."""
        body = b"" if response.data is None else JSONRenderer().render(response.data)
        kept = self._mine().update(
            status=response.status_code,
            headers={
                name: response[name] for name in _KEPT_HEADERS if name in response
            },
            body=body,
        )
        if not kept:
            raise StillRunning("Another request took over this Idempotency-Key.")

    def release(self) -> None:
        """Release the key after a failure."""
        self._mine().delete()

    def _mine(self) -> Any:
        return IdempotencyRecord.objects.filter(
            pk=self.record_id, status=None, running_until=self.running_until
        )


def claim(request: KeyedRequest, lease: timedelta) -> Claim | HttpResponse:
    """Return the right to process the request, or the first answer to this key.

    Raises KeyReused (422) for another request under the same key, StillRunning (409)
    while the first is in progress, BadHeader (400) for an invalid key.
    """
    printable = request.key.isascii() and request.key.isprintable()
    if not printable or not 0 < len(request.key) <= MAX_KEY:
        raise BadHeader(
            f"{HEADER} must be 1 to {MAX_KEY} printable ASCII characters.", field=HEADER
        )
    now = timezone.now()
    IdempotencyRecord.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    try:
        with transaction.atomic():
            record = _open(request, now, lease)
    except IntegrityError:
        return _second(request, now, lease)
    return Claim(record.pk, record.running_until)


def _open(request: KeyedRequest, now: datetime, lease: timedelta) -> IdempotencyRecord:
    return IdempotencyRecord.objects.create(
        caller=request.caller,
        key=request.key,
        method=request.method,
        path=request.path,
        body_sha256=request.body_sha256,
        created_at=now,
        running_until=now + lease,
    )


def _second(
    request: KeyedRequest, now: datetime, lease: timedelta
) -> Claim | HttpResponse:
    records = IdempotencyRecord.objects.filter(caller=request.caller, key=request.key)
    record = records.first()
    if record is None:  # the first one failed this very moment
        raise StillRunning("The first request with this key is still at work.")
    if (record.method, record.path, record.body_sha256) != (
        request.method,
        request.path,
        request.body_sha256,
    ):
        raise KeyReused(f"This {HEADER} was used for another request.")
    if record.status is not None:
        return _again(record)
    taken_until = now + lease
    taken = records.filter(
        status=None, running_until=record.running_until, running_until__lt=now
    ).update(running_until=taken_until)
    if not taken:
        raise StillRunning("The first request with this key is still at work.")
    return Claim(record.pk, taken_until)


def _again(record: IdempotencyRecord) -> HttpResponse:
    answer = HttpResponse(
        bytes(record.body), status=record.status, content_type="application/json"
    )
    for name, value in record.headers.items():
        answer[name] = value
    answer[REPLAYED] = "true"
    return answer


def body_digest(body: Any) -> str:
    """Return the SHA-256 of a parsed body; files are read in chunks, not held."""
    digest = hashlib.sha256()
    if isinstance(body, QueryDict):
        for name, values in sorted(body.lists()):
            for value in values:
                digest.update(f"{name}\0".encode())
                _add(digest, value)
    elif isinstance(body, Mapping) or body is not None:
        digest.update(json.dumps(body, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", value: Any) -> None:
    if hasattr(value, "sha256"):  # a file that was hashed when it was received
        digest.update(value.sha256.encode())
    elif isinstance(value, UploadedFile):
        for chunk in value.chunks():
            digest.update(chunk)
        value.seek(0)
    else:
        digest.update(str(value).encode())
    digest.update(b"\0")
