"""What can go wrong in the domain; every app derives its own from these.

An error has a stable `code` for programs, a sentence for people, and says which
field it is about. `mlops.core.problems` turns each `kind` into a status code.
"""

from typing import ClassVar, Literal

Kind = Literal[
    "invalid",
    "bad_query",
    "not_found",
    "conflict",
    "forbidden",
    "too_large",
    "unsupported",
    "unavailable",
    "precondition_failed",
    "throttled",
    "unauthenticated",
]


class DomainError(Exception):
    """A broken rule. `field` names the body or query field at fault, if one is."""

    kind: ClassVar[Kind] = "conflict"
    code: ClassVar[str] = "conflict"

    def __init__(self, message: str, *, field: str = "", **extra: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.extra = extra

    @classmethod
    def codes(cls) -> frozenset[str]:
        """Return the codes that an error of this class may have."""
        return frozenset({cls.code})


class CommandRefused(DomainError):
    """What a command at the terminal refuses; no request is answered with it."""


class Invalid(DomainError):
    kind, code = "invalid", "invalid"


class BadQuery(DomainError):
    kind, code = "bad_query", "bad_query"


class BadHeader(BadQuery):
    """As a bad query; `field` is the name of the header."""


class RepeatedField(DomainError):
    kind, code = "bad_query", "repeated_field"


class NotFound(DomainError):
    kind, code = "not_found", "not_found"


class AlreadyExists(DomainError):
    kind, code = "conflict", "already_exists"


class Forbidden(DomainError):
    kind, code = "forbidden", "forbidden"


class TooLarge(DomainError):
    kind, code = "too_large", "too_large"


class Unsupported(DomainError):
    kind, code = "unsupported", "unsupported_media_type"


class Unavailable(DomainError):
    kind, code = "unavailable", "unavailable"


class PreconditionFailed(DomainError):
    kind, code = "precondition_failed", "precondition_failed"


class Throttled(DomainError):
    """Too many requests. `retry_after_s` says when to go on."""

    kind, code = "throttled", "throttled"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TokenRefused(DomainError):
    kind, code = "unauthenticated", "token_refused"


class WrongCredentials(DomainError):
    """One message for a wrong name and a wrong password: it reveals neither."""

    kind, code = "unauthenticated", "wrong_credentials"

    def __init__(self) -> None:
        super().__init__("The account or the password is wrong.")
