"""What Schemathesis is told beyond the document: ETags, the length of an address.

It makes headers of letters and digits alone, and sends any wrong value as a right one
where a pattern asks for more; a format of its own has right ones.
"""

from typing import Any
from urllib.parse import urlencode

import schemathesis
from hypothesis import strategies as st

FORMAT = "entity-tags"
# `*` last: `If-None-Match: *` is 304 of all that is there.
TAGS = ('"abc"', 'W/"0.0"', 'W/"0.0", "abc"', "*")
READ = {"format": FORMAT, "pattern": '^(\\*|(W/)?"[!#-~]*")$'}
# Beyond 64 KiB an address is 414 of the web server, before the API sees it.
LONGEST_QUERY = 60_000
LISTS = ("features", "tags")
SHOWN = {"If-Match": {"format": FORMAT}, "If-None-Match": READ}

schemathesis.openapi.format(FORMAT, st.sampled_from(TAGS))


@schemathesis.hook
def before_load_schema(_context: Any, document: dict[str, Any]) -> None:
    """Let the headers of tags be of that format."""
    for path in document["paths"].values():
        for operation in path.values():
            for one in operation.get("parameters", []):
                one.get("schema", {}).update(SHOWN.get(one["name"], {}))


@schemathesis.hook
def filter_case(_context: Any, case: schemathesis.Case) -> bool:
    """Leave out what no address can hold, and a field of a form that is no list.

    There all is text, and one text is a list of one.
    """
    is_form = case.media_type == "multipart/form-data" and isinstance(case.body, dict)
    if is_form and any(not isinstance(case.body.get(name, []), list) for name in LISTS):
        return False
    return len(urlencode(case.query or {}, doseq=True)) < LONGEST_QUERY
