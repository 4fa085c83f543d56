"""Writes which API tokens may predict, for gateways that never ask the database."""

import contextlib
import os
from pathlib import Path

import orjson
from django.conf import settings

from mlops.core.models import ApiToken

SCOPE = "predict"


def write_keys(path: Path) -> None:
    """Replace `keys.json` if it says something else: digests, never tokens."""
    tokens = ApiToken.objects.usable().only("digest", "scopes").order_by("digest")
    allowed = [
        token.digest for token in tokens.iterator(chunk_size=500) if token.allows(SCOPE)
    ]
    content = orjson.dumps({"open": bool(settings.OPEN_MODE), "digests": allowed})
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    part.replace(path)
