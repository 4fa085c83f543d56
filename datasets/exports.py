"""A version, or what a filter leaves of it, as a file that a client downloads."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)

from datasets import questions, storage
from datasets.analytics import export
from datasets.analytics.export import ExportFormat, Request
from datasets.analytics.sql import TableColumn
from datasets.error_translation import translated_errors
from datasets.errors import TypeNotKept
from datasets.models import AnalysisKey, DatasetVersion
from datasets.storage import IncomingFile
from mlops.core import etags, ranges
from mlops.core.byte_store import byte_store
from mlops.core.errors import NotFound

CONTENT_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.ARROW: "application/vnd.apache.arrow.stream",
    ExportFormat.JSON_LINES: "application/x-ndjson",
}
# To be raised whenever the bytes of an export could be others than before.
REVISION = 6
CACHING = "private, no-cache"
NAMED = 20
OPTIONS = "/api/v1/features/datasets/{dataset}/export/options?{query}"


def attachment(
    request: HttpRequest, version: DatasetVersion, wanted: Request
) -> HttpResponseBase:
    """Return the download, a range of it, or 304 if the client has it.

    All refusals come before the first byte. Only the whole version as Parquet is a
    stored file, with a length and ranges.
    """
    tag = _etag(version, wanted)
    if etags.is_named(request.headers.get("If-None-Match"), tag):
        answer: HttpResponseBase = HttpResponse(status=304)
        answer["ETag"], answer["Cache-Control"] = tag, CACHING
        return answer
    if _is_file(version, wanted):
        answer = _file(request, version, tag)
    else:
        answer = _written(request, version, wanted)
        answer["ETag"], answer["Accept-Ranges"] = tag, "none"
    if answer.status_code < 400:  # noqa: PLR2004 - what HTTP calls a success
        _describe(answer, version, wanted)
    return answer


def as_upload(version: DatasetVersion, wanted: Request) -> IncomingFile:
    """Write the rows as an upload of their own: Parquet, which keeps their types.

    Raises TypeNotKept where it does not: nothing changes in silence.
    """
    if changed := export.unlike(_columns(version, wanted), wanted.format):
        names = ", ".join(repr(name) for name in changed[:NAMED])
        raise TypeNotKept(
            f"{names}: a new version would hold these as text; name other columns."
        )
    path = storage.data_path(version.digest)
    name = f"{version.dataset.name}-v{version.number}-filtered.parquet"
    with translated_errors():
        file = storage.receive(name, export.stream(path, wanted))
    return replace(file, made_of=(version.pk,))


def reading_options(version: DatasetVersion, wanted: Request) -> dict[str, Any]:
    """Return the upload options that read the same rows back from the file."""
    return export.reading_options(_columns(version, wanted), wanted.format)


def _columns(version: DatasetVersion, wanted: Request) -> list[TableColumn]:
    columns = {column.name: column for column in version.columns.all()}
    chosen = wanted.columns or list(columns)
    return [
        TableColumn(name, columns[name].data_type) for name in chosen if name in columns
    ]


def _is_file(version: DatasetVersion, wanted: Request) -> bool:
    if wanted.format is not ExportFormat.PARQUET or wanted.conditions:
        return False
    return wanted.columns is None or list(wanted.columns) == version.column_names


def _file(request: HttpRequest, version: DatasetVersion, tag: str) -> HttpResponseBase:
    key = storage.data_key(version.digest)
    try:
        size = byte_store().stat(key).size_bytes
        return ranges.streamed(request, key, size_bytes=size, etag=tag)
    except FileNotFoundError:
        raise NotFound("The bytes of this version are gone.") from None
    except ranges.NoSuchRange as none:
        return none.response()


def _written(
    request: HttpRequest, version: DatasetVersion, wanted: Request
) -> HttpResponseBase:
    path = storage.data_path(version.digest)
    if request.method == "HEAD":
        with translated_errors():
            export.stream(path, wanted)
        return HttpResponse()
    with translated_errors():
        chunks = export.stream(path, wanted)
        first = next(chunks, b"")
    return StreamingHttpResponse(_whole(first, chunks))


def _describe(
    answer: HttpResponseBase, version: DatasetVersion, wanted: Request
) -> None:
    form = wanted.format
    name = f"{version.dataset.name}-v{version.number}.{form}"
    plain = "".join(
        c if c.isascii() and c.isalnum() else "_" for c in name[: -len(form)]
    )
    answer["Content-Type"] = CONTENT_TYPES[form]
    answer["Content-Disposition"] = (
        f'attachment; filename="{plain.rstrip("_")}.{form}"; '
        f"filename*=UTF-8''{quote(name, safe='')}"
    )
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = CACHING
    if form is ExportFormat.CSV:
        _say_guarded(answer, version, wanted)
    if form in {ExportFormat.CSV, ExportFormat.JSON_LINES}:
        query = urlencode(
            {
                "version": version.number,
                "format": form.value,
                "columns": list(wanted.columns or ()),
            },
            doseq=True,
        )
        address = OPTIONS.format(dataset=version.dataset_id, query=query)
        answer["Link"] = f'<{address}>; rel="describedby"; type="application/json"'
    if not _is_file(version, wanted):
        _say_unlike(answer, _unlike(version, wanted))


def _unlike(version: DatasetVersion, wanted: Request) -> list[str]:
    """Return the columns that do not come back as they were, in their order."""
    columns = _columns(version, wanted)
    found = set(export.unlike(columns, wanted.format))
    if wanted.format is not ExportFormat.PARQUET:
        found |= set(orjson.loads(questions.formless_columns(version, wanted).body()))
    return [column.name for column in columns if column.name in found]


def _say_unlike(answer: HttpResponseBase, names: list[str]) -> None:
    """Say how many columns do not come back as they were, and the first of them."""
    answer["X-Export-Unlike-Columns"] = str(len(names))
    if names:
        listed = ",".join(quote(name, safe="") for name in names[:NAMED])
        answer["X-Export-Unlike-Names"] = listed


def _say_guarded(
    answer: HttpResponseBase, version: DatasetVersion, wanted: Request
) -> None:
    count = 0
    if wanted.is_guarded:
        count = orjson.loads(questions.guarded_cells(version, wanted).body())
    answer["X-Export-Guarded"] = "true" if wanted.is_guarded else "false"
    answer["X-Export-Changed-Cells"] = str(count)


def _etag(version: DatasetVersion, wanted: Request) -> str:
    if _is_file(version, wanted):
        return f'"{version.digest}"'
    parameters = {
        "format": wanted.format,
        "columns": wanted.columns,
        "conditions": [asdict(condition) for condition in wanted.conditions],
        "guarded": wanted.is_guarded,
    }
    return AnalysisKey(version.digest, "export", REVISION, parameters).etag


def _whole(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
