"""The headers of answers, by what an operation is: no view repeats them."""

from collections.abc import Iterator
from typing import Any

from mlops.core import headers
from mlops.core.headers import Header

OF_STATUS = {
    "304": (headers.ETAG,),
    "401": (headers.WWW_AUTHENTICATE,),
    "416": (headers.CONTENT_RANGE,),
    "429": (headers.RETRY_AFTER,),
    "503": (headers.RETRY_AFTER,),
}
COMPONENTS = {one.name: one.documented() for one in headers.RESPONSE}
_CREATED = "201"
AT_NO_ADDRESS = frozenset(
    {
        "createApiToken",
        "createDeploymentKey",
        "createTrialKey",
        "logMetrics",
        "recordFeatureUsage",
        "runQualityCheck",
    }
)
"""Operations that make what no GET shows by itself: lists do."""
# What is posted is another thing than what `If-Match` is about.
_TAGGED = {
    True: {headers.IF_NONE_MATCH.name},
    False: {headers.IF_MATCH.name, headers.IF_NONE_MATCH.name},
}


def name_headers(method: str, operation: dict[str, Any]) -> None:
    """Add the headers of an operation's own answers, by reference."""
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            continue
        own = [*answer.get("headers", {}), *_implied(method, operation, status)]
        answer["headers"] = _references(own)


def shared_headers(status: str) -> dict[str, Any]:
    """Return the headers of an error answer that all operations share."""
    return _references(
        [one.name for one in (headers.REQUEST_ID, *OF_STATUS.get(status, ()))]
    )


def _references(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}


def _implied(method: str, operation: dict[str, Any], status: str) -> Iterator[str]:
    sent = {one["name"] for one in operation.get("parameters", [])}
    found: list[Header] = [headers.REQUEST_ID]
    if status == "200" and sent & _TAGGED[method == "post"]:
        found.append(headers.ETAG)
    if method == "get" and "page" in sent:
        found += [headers.TOTAL_COUNT, headers.LINK]
    if status == _CREATED and operation["operationId"] not in AT_NO_ADDRESS:
        found.append(headers.LOCATION)
    if headers.IDEMPOTENCY_KEY.name in sent:
        found.append(headers.IDEMPOTENCY_REPLAYED)
    yield from (one.name for one in found)
