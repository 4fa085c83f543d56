"""A whole version as a file that a browser downloads, streamed."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from django.http import StreamingHttpResponse

from datasets import storage
from datasets.analytics import export
from datasets.models import DatasetVersion
from datasets.refusals import asking

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "jsonl": "application/x-ndjson",
}


def attachment(
    version: DatasetVersion, form: str, columns: Sequence[str] | None
) -> StreamingHttpResponse:
    """Return the download. What can be refused is refused before the first byte."""
    path = storage.data_path(version.digest)
    with asking():
        chunks = export.stream(path, form, columns=columns)
        first = next(chunks, b"")
    answer = StreamingHttpResponse(_whole(first, chunks), CONTENT_TYPES[form])
    name = f"{version.dataset.name}-v{version.number}.{form}"
    plain = "".join(
        c if c.isascii() and c.isalnum() else "_" for c in name[: -len(form)]
    )
    answer["Content-Disposition"] = (
        f'attachment; filename="{plain.rstrip("_")}.{form}"; '
        f"filename*=UTF-8''{quote(name, safe='')}"
    )
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _whole(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
