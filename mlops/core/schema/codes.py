"""Every `code` that an error answer of `/api/v1` may have."""

from collections.abc import Iterator

from rest_framework import exceptions

from mlops.core.errors import CommandRefused, DomainError

# What `mlops.core.problems` and its neighbours write where no class of ours is raised.
_PLAIN = {
    "bad_path",
    "bad_range",
    "bad_request",
    "conflict",
    "forbidden",
    "in_use",
    "invalid",
    "no_room",
    "not_found",
    "server_error",
    "token_scope",
    "too_large",
    "unavailable",
}
_OF_THE_FRAMEWORK = (
    exceptions.AuthenticationFailed,
    exceptions.MethodNotAllowed,
    exceptions.NotAcceptable,
    exceptions.NotAuthenticated,
    exceptions.ParseError,
    exceptions.PermissionDenied,
    exceptions.Throttled,
    exceptions.UnsupportedMediaType,
)


def all_codes() -> list[str]:
    """Return the codes, sorted. All apps are loaded, and with them their errors."""
    ours = {code for kind in _subclasses(DomainError) for code in kind.codes()}
    framework = {kind.default_code for kind in _OF_THE_FRAMEWORK}
    return sorted(ours | framework | _PLAIN)


def _subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for one in kind.__subclasses__():
        if one is CommandRefused:
            continue
        yield one
        yield from _subclasses(one)
