"""What the document's examples are made of: the requests of the permission matrix.

Ids and times of the one run that was written down are replaced by plain ones; what a
test gets later is compared in its shape.
"""

import io
import re
import uuid

from tests.contract import circumstances
from tests.contract.matrix import MAKERS, ONE, ROWS, D, F, Row
from tests.contract.shapes import SHAPES
from tests.contract.test_permissions import filled, operation_of

CHUNK = "application/offset+octet-stream"
# In the matrix these are refused for what they lack, whoever asks.
ACTING = [
    Row(
        "POST",
        F + "/uploads/preview",
        MAKERS,
        200,
        {"file": b"x,y\n1,2\n2,3\n"},
        kind="multipart",
    ),
    Row(
        "POST",
        ONE + "/versions/2/retry",
        MAKERS,
        201,
        {"options": {"types": {"x": "DOUBLE"}}},
    ),
    Row(
        "POST",
        D + "/{deployment}/drift",
        MAKERS,
        201,
        {"dataset_name": "prices", "dataset_version": "1"},
    ),
]
MOST_ITEMS = 2
SECRET = re.compile(r"(mlopsk?_|mk_)[A-Za-z0-9_-]{20,}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\bm-[0-9a-f]{32}\b")
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def shown_world(world):
    """Return the names of the world as the document shows them."""
    return {
        key: plain_id(value, key) if ID.fullmatch(value) else value
        for key, value in world.items()
    }


def plain_id(found, name):
    """Return an id of the same kind that is always the one of this name."""
    made = uuid.uuid5(uuid.NAMESPACE_URL, name)
    return f"m-{made.hex}" if found.startswith("m-") else str(made)


def rows():
    """Return the first row that succeeds for its owner, by its operation's id.

    One that needs its circumstances succeeds in them.
    """
    found = {}
    for row in (*ACTING, *ROWS):
        operation = operation_of(SHAPES.document, row)
        status = row.but.get("owner", row.ok)
        name = operation["operationId"]
        succeeds = status < 300 or name in circumstances.NEEDED
        if succeeds and row.kind in {"json", "multipart"}:
            found.setdefault(name, (row, operation))
    return found


def template_of(operation_id):
    """Return method and path of an operation."""
    for path, methods in SHAPES.document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] == operation_id:
                return method, path, operation
    raise LookupError(operation_id)


def parameters_of(row, operation_id, names):
    """Return the values of path and query that a row has."""
    _method, template, _operation = template_of(operation_id)
    path, _, query = row.path.format(**names).partition("?")
    parts = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", parts)
    found = re.fullmatch(pattern, path).groupdict()
    return found | dict(part.split("=") for part in query.split("&") if part)


def request_of(row, operation, names):
    """Return media type and body of a row as an example has them, if it takes one."""
    body = filled(row.body, names)
    if body is None or "requestBody" not in operation:
        return {}
    media = "multipart/form-data" if row.kind == "multipart" else "application/json"
    content = operation["requestBody"]["content"]
    if media not in content:
        (media,) = content
    fields = SHAPES.resolved(content[media]["schema"]).get("properties", {})
    return {
        "media": media,
        "request": {
            name: as_text(value, fields.get(name, {})) for name, value in body.items()
        },
    }


def as_text(value, schema):
    if not isinstance(value, bytes):
        return value
    return [value.decode()] if schema.get("type") == "array" else value.decode()


def send(client, operation_id, example, back):
    """Send an example; `back` leads from what it shows to what is there."""
    method, path, operation = template_of(operation_id)
    values = {k: back.get(v, v) for k, v in example["parameters"].items()}
    asked = [
        f"{one['name']}={values[one['name']]}"
        for one in operation.get("parameters", [])
        if one["in"] == "query" and one["name"] in values
    ]
    address = path.format(**values) + ("?" if asked else "") + "&".join(asked)
    call = getattr(client, method)
    if "request" not in example:
        return call(address)
    content = operation["requestBody"]["content"][example["media"]]
    fields = SHAPES.resolved(content["schema"])["properties"]
    body = replaced(example["request"], lambda text: back.get(text, text))
    if example["media"] == "multipart/form-data":
        return call(address, files_of(body, fields), format="multipart")
    return call(address, body, format="json")


def files_of(body, fields):
    """Return a form whose binary fields are files."""
    form = {}
    for name, value in body.items():
        part = fields[name].get("items", fields[name])
        is_file = part.get("format") == "binary"
        text = value[0] if isinstance(value, list) and is_file else value
        form[name] = io.BytesIO(text.encode()) if is_file else value
    return form


def replaced(value, change):
    """Return a JSON value with every text, and every key, changed."""
    if isinstance(value, dict):
        return {change(name): replaced(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [replaced(part, change) for part in value]
    return change(value) if isinstance(value, str) else value


def plain(answer, forth):
    """Return an answer as the document shows it: short, and the same in every run."""
    ids = dict(forth)

    def change(text):
        if text in ids:
            return ids[text]
        text = ID.sub(
            lambda m: ids.setdefault(m[0], plain_id(m[0], str(len(ids)))), text
        )
        text = TIME.sub("2026-11-28T13:48:17Z", text)
        text = DIGEST.sub("9f86d081884c7d659a2feaa0c55ad015" * 2, text)
        return SECRET.sub(lambda m: f"{m[1]}EXAMPLE", text)

    return replaced(shortened(answer), change)


def shortened(value):
    if isinstance(value, dict):
        return {name: shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shortened(part) for part in value[:MOST_ITEMS]]
    return value


def shape(value):
    """Return names and types of a JSON value; of a list, those of its items.

    Names are in order: a database may give them back in another than they had.
    """
    if isinstance(value, dict):
        return {name: shape(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return sorted({repr(shape(part)) for part in value[:MOST_ITEMS]})
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return type(value).__name__
