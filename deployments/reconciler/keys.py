"""Writes which API tokens may predict, for gateways that never ask the database."""

import contextlib
from pathlib import Path

import orjson
from django.conf import settings

from deployments.serving.gateway.files import replace
from mlops.core.models import ApiToken

SCOPE = "predict"


def write_keys(path: Path) -> None:
    """Replace `keys.json` if it says something else: digests, never tokens.

    Raises OSError; then the old file holds.
    """
    tokens = ApiToken.objects.usable().only("digest", "scopes").order_by("digest")
    allowed = [
        token.digest for token in tokens.iterator(chunk_size=500) if token.allows(SCOPE)
    ]
    content = orjson.dumps({"open": bool(settings.OPEN_MODE), "digests": allowed})
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(path, content)
