"""Who acts here, what they did, and what is remembered of their requests."""

from mlops.core.models.audit import AuditEntry, Via
from mlops.core.models.families import TokenFamily
from mlops.core.models.installation import BackupRecord, Installation
from mlops.core.models.people import (
    TOKEN_MARK,
    ApiToken,
    Scope,
    User,
    digest,
    tokens_changed,
)
from mlops.core.models.pins import DelayedDeletion, FilePin, PinLost
from mlops.core.models.requests import IdempotencyRecord, RateCount

__all__ = [
    "TOKEN_MARK",
    "ApiToken",
    "AuditEntry",
    "BackupRecord",
    "DelayedDeletion",
    "FilePin",
    "IdempotencyRecord",
    "Installation",
    "PinLost",
    "RateCount",
    "Scope",
    "TokenFamily",
    "User",
    "Via",
    "digest",
    "tokens_changed",
]
