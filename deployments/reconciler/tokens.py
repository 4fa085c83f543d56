"""API tokens that may predict, published for gateways without the database."""

from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Min

from deployments.serving.terms import TokenAccess
from mlops.core.models import ApiToken, Scope

SCOPE = "predict"


def token_access() -> TokenAccess:
    """Return who may call every model now: digests, never tokens."""
    tokens = ApiToken.objects.usable().only("digest", "scopes")
    predict, read = set(), set()
    for token in tokens.iterator(chunk_size=500):
        if token.allows(SCOPE):
            predict.add(token.digest)
        if token.allows(Scope.READ):
            read.add(token.digest)
    return TokenAccess(
        frozenset(predict), is_open=bool(settings.OPEN_MODE), readers=frozenset(read)
    )


def state() -> object:
    """Return what changes when a token comes, goes, expires or loses its owner."""
    return ApiToken.objects.usable().aggregate(Count("pk"), Max("created_at"))


def next_expiry() -> datetime | None:
    """Return when the next token expires, if one does."""
    found: datetime | None = ApiToken.objects.usable().aggregate(at=Min("expires_at"))[
        "at"
    ]
    return found
