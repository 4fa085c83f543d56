"""The headers of `/api/v1`, once: documented, allowed and exposed to other origins.

`REQUEST` are the parameters that operations document; a page at another origin may
send these, and may read all of `RESPONSE`. Beside them, what pages may do in browsers.
Nothing of Django here: settings read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Header:
    """A header's name, what it means and its OpenAPI schema."""

    name: str
    description: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})

    def documented(self) -> dict[str, Any]:
        """Return the header as an OpenAPI response header."""
        return {"description": self.description, "schema": self.schema}


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}

IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    f"A text of the caller's choice, at most {MAX_KEY} characters. The first answer "
    "with this key is kept for 24 hours and given again instead of acting twice.",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[ -~]+$"},
)
_TAG = r'(W/)?"[!#-~]*"'
_TAGS: dict[str, Any] = {
    "type": "string",
    "pattern": rf"^\s*(\*|{_TAG}(\s*,\s*{_TAG})*)\s*$",
}
"""RFC 9110, 8.8.3: tags in quotes, parted by commas, or `*` for any."""

IF_MATCH = Header(
    "If-Match", "The ETag that was read; 412 if the object has changed since.", _TAGS
)
IF_NONE_MATCH = Header(
    "If-None-Match",
    "The ETag that was read; 304 if the answer would be the same.",
    _TAGS,
)
IF_RANGE = Header(
    "If-Range", "The ETag of the part that is there; the whole if it is another file."
)
LAST_EVENT_ID = Header(
    "Last-Event-ID",
    "The id of the last event that was seen; the stream goes on behind it. Browsers "
    "send it by themselves.",
    {"type": "string", "pattern": "^[0-9]{1,9}(-[0-9]{1,20}-[0-9]{1,15})?$"},
)
RANGE = Header(
    "Range",
    "The bytes that are wanted, as `bytes=first-last`; 206, or 416. In any other form "
    "it is ignored, as RFC 9110 has it.",
)
REFRESH_TOKEN = Header(
    "X-Refresh-Token",
    "The refresh token, unless the cookie `refresh_token` holds it.",
)
UPLOAD_OFFSET = Header(
    "Upload-Offset",
    "The byte at which the next chunk starts.",
    {**_COUNT, "maximum": 10**15},
)

REQUEST = (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_RANGE,
    LAST_EVENT_ID,
    RANGE,
    REFRESH_TOKEN,
    UPLOAD_OFFSET,
)
SENT_ALWAYS = ("Accept", "Authorization", "Content-Type", "X-Request-ID", "traceparent")
"""What requests may have that no operation documents by itself."""

ACCEPT_RANGES = Header("Accept-Ranges", "`bytes` where `Range` is understood.")
CONTENT_DISPOSITION = Header("Content-Disposition", "The name to save the file as.")
CONTENT_RANGE = Header("Content-Range", "Which bytes these are, of how many.")
ETAG = Header("ETag", "The state that was shown, for `If-Match` and `If-None-Match`.")
EXPORT_CHANGED_CELLS = Header(
    "X-Export-Changed-Cells",
    "Of CSV: how many cells got a `'` before them, because a spreadsheet would run "
    "them.",
    _COUNT,
)
EXPORT_GUARDED = Header(
    "X-Export-Guarded",
    "Of CSV: whether such cells are changed at all.",
    {"type": "string", "enum": ["true", "false"]},
)
EXPORT_UNLIKE_COLUMNS = Header(
    "X-Export-Unlike-Columns",
    "How many columns of an export do not come back as they were: with another"
    " type, or with cells that the format has no form for.",
    _COUNT,
)
EXPORT_UNLIKE_NAMES = Header(
    "X-Export-Unlike-Names",
    "The first 20 of these columns, percent-encoded, parted by commas.",
)
IDEMPOTENCY_REPLAYED = Header(
    "Idempotency-Replayed",
    "`true` where this is the kept answer to an earlier request of the same key.",
    {"type": "string", "enum": ["true"]},
)
LINK = Header(
    "Link",
    "RFC 8288. Of a list: its pages as rel first, prev, next and last; the last page "
    "has no next. Of an export: how to read it again, as rel describedby.",
)
LOCATION = Header("Location", "Where the new thing is read.")
REQUEST_ID = Header(
    "X-Request-ID", "The request's id, as logs and audit trail have it."
)
RETRY_AFTER = Header(
    "Retry-After",
    "Seconds after which to try again.",
    {"type": "integer", "minimum": 1},
)
ROW_COUNT = Header("X-Row-Count", "How many rows the file has.", _COUNT)
ROW_ORDER = Header(
    "X-Row-Order", "What the order of the rows is worth, as `row_order` of a page."
)
TOTAL_COUNT = Header("X-Total-Count", "How many items all pages have.", _COUNT)
WWW_AUTHENTICATE = Header("WWW-Authenticate", "How to sign in.")

RESPONSE = (
    ACCEPT_RANGES,
    CONTENT_DISPOSITION,
    CONTENT_RANGE,
    ETAG,
    EXPORT_CHANGED_CELLS,
    EXPORT_GUARDED,
    EXPORT_UNLIKE_COLUMNS,
    EXPORT_UNLIKE_NAMES,
    IDEMPOTENCY_REPLAYED,
    LINK,
    LOCATION,
    REQUEST_ID,
    RETRY_AFTER,
    ROW_COUNT,
    ROW_ORDER,
    TOTAL_COUNT,
    UPLOAD_OFFSET,
    WWW_AUTHENTICATE,
)


def content_policy(*, connect: Iterable[str] = ()) -> str:
    """Return the Content-Security-Policy of a page with scripts from files alone.

    `connect` are the other origins that its scripts may call.
    """
    called = " ".join(("'self'", *connect))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data:; font-src 'self'; connect-src {called}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
