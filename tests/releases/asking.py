"""What today's code answers to a question, as it is kept and compared.

What is of the moment is left out of answers: where the servers listen, what a day's
counter says, and what has happened since the store was packed.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.demo.live import LiveStack
from tests.releases.callers import Answer, exchange
from tests.releases.questions import Question

OF_THE_MOMENT = {"last_used_at", "last_updated", "next_page_token", "usage"} | {
    "age_s",
    "free_bytes",
}
"""Of the last one, of the last 48 hours, of one server's key, of today; of now."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
REQUEST_ID = "asked-of-the-store"
"""A refusal has it in its answer."""
LATER = "later"
"""Stands for a time between the packing of the store and the asking."""


@dataclass(frozen=True)
class Asking:
    """Who asks what stands now; `packed_at` is when the store was packed (ISO 8601)."""

    stack: LiveStack
    tokens: Mapping[str, str]
    packed_at: str


def ask(asking: Asking, one: Question) -> dict[str, Any]:
    """Return what is kept of the answer, and its status."""
    stack = asking.stack
    base = stack.url if one.at == "web" else stack.serving_url
    is_form = isinstance(one.body, str)
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    headers = {"Content-Type": kind, "X-Request-ID": REQUEST_ID}
    if one.who != "nobody":
        headers["Authorization"] = f"Bearer {asking.tokens[one.who]}"
    body = _sent(one.body)
    answer = exchange(one.method, base + one.path, body, headers)
    return {"status": answer.status, **_kept(answer, one.look, asking)}


def _sent(body: Any) -> bytes | None:
    if body is None:
        return None
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def save(path: Path, asked: list[tuple[Question, dict[str, Any]]]) -> None:
    """Write questions with their answers, one on a line."""
    lines = [
        json.dumps({**asdict(one), **answer}, ensure_ascii=False, sort_keys=True)
        for one, answer in asked
    ]
    path.write_text("\n".join(lines) + "\n")


def load(path: Path) -> list[tuple[Question, dict[str, Any]]]:
    """Return what `save` wrote."""
    found = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        question = Question(**{name: row.pop(name) for name in asdict(Question(""))})
        found.append((question, row))
    return found


def _kept(answer: Answer, look: str, asking: Asking) -> dict[str, Any]:
    if look == "status":
        return {}
    if look == "bytes":
        digest = hashlib.sha256(answer.content).hexdigest()
        return {"sha256": digest, "bytes": len(answer.content)}
    text = answer.content.decode()
    stack = asking.stack
    for port, name in ((stack.port, "web"), (stack.serving_port, "serving")):
        text = text.replace(f"http://localhost:{port}", f"http://{name}")
    since = asking.packed_at, datetime.now(UTC).isoformat()
    return {"answer": _lasting(json.loads(text), *since)} if text else {}


def _lasting(value: Any, start: str, end: str) -> Any:
    """Return an answer without what is of the moment, and without news since `start`.

    Entries of a list that happened since then are left out, other times are `LATER`.
    """
    if isinstance(value, dict):
        kept = [(key, one) for key, one in value.items() if key not in OF_THE_MOMENT]
        return {key: _lasting(one, start, end) for key, one in kept}
    if isinstance(value, list):
        old = [one for one in value if not _is_news(one, start, end)]
        return [_lasting(one, start, end) for one in old]
    return LATER if _is_since(value, start, end) else value


def _is_news(entry: Any, start: str, end: str) -> bool:
    """Whether a line of a log or an entry of a journal is younger than the store."""
    at = entry.get("at") if isinstance(entry, dict) else entry
    return _is_since(at, start, end)


def _is_since(value: Any, start: str, end: str) -> bool:
    is_time = isinstance(value, str) and TIME.match(value) is not None
    return is_time and start < value < end
