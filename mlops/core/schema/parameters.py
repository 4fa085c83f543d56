"""Headers of the table `mlops.core.headers` as drf-spectacular takes them."""

from drf_spectacular.utils import OpenApiParameter

from mlops.core import headers
from mlops.core.headers import Header


def header_parameter(header: Header, *, required: bool = False) -> OpenApiParameter:
    """Return the header as a parameter of a request."""
    return OpenApiParameter(
        header.name,
        header.schema,
        OpenApiParameter.HEADER,
        required=required,
        description=header.description,
    )


def answered(header: Header, *statuses: int) -> OpenApiParameter:
    """Return the header as one of the answers of these statuses."""
    return OpenApiParameter(
        header.name,
        header.schema,
        OpenApiParameter.HEADER,
        description=header.description,
        response=list(statuses),
    )


CACHED = header_parameter(headers.IF_NONE_MATCH)
"""Of a question by POST whose answer has an ETag; GET has it by itself."""
RANGED = [
    header_parameter(headers.RANGE),
    header_parameter(headers.IF_RANGE),
    answered(headers.ACCEPT_RANGES, 200, 206),
    answered(headers.CONTENT_DISPOSITION, 200, 206),
    answered(headers.CONTENT_RANGE, 206, 416),
    answered(headers.ETAG, 200, 206),
]
"""Of downloads by `mlops.core.ranges`."""
