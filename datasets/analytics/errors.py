"""Errors of the analytics. No message carries DuckDB's text or a path."""


class AnalyticsError(Exception):
    """A question that cannot be answered.

    `kind` uses the words of `mlops.core.errors.Kind`, so that one line translates it.
    `field` names the parameter at fault; `extra` helps to correct it.
    """

    kind: str = "invalid"
    code: str = "analytics_error"

    def __init__(self, message: str, *, field: str = "", **extra: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.extra = extra

    @classmethod
    def codes(cls) -> frozenset[str]:
        """Return the codes that an error of this class may have."""
        return frozenset({cls.code})


class QueryTimeout(AnalyticsError):
    """The query exceeded its time limit; a smaller one may be answered."""

    kind, code = "unavailable", "query_timeout"


class Busy(AnalyticsError):
    """Too many queries run at once in this process. Try again in a moment."""

    kind, code = "unavailable", "busy"


class TooHeavy(AnalyticsError):
    """The question needs more memory or work than an interactive one may use."""

    kind, code = "too_large", "too_large_for_interactive"


class QueryFailed(AnalyticsError):
    """DuckDB refused the query: our fault, not the caller's."""

    kind, code = "unavailable", "query_failed"


class SourceMissing(AnalyticsError):
    """A Parquet file that a version should have is gone or unreadable."""

    kind, code = "unavailable", "content_missing"


class UnknownColumn(AnalyticsError):
    """A column that the table does not have; `extra["columns"]` lists those it has."""

    kind, code = "bad_query", "unknown_column"


class InvalidFilter(AnalyticsError):
    """A condition that cannot be applied; `extra["position"]` is its index."""

    kind, code = "bad_query", "invalid_filter"


class InvalidParameter(AnalyticsError):
    """A parameter outside its documented range."""

    kind, code = "bad_query", "invalid_parameter"


class InvalidRule(AnalyticsError):
    """A quality rule that does not fit the table it is about."""

    kind, code = "invalid", "invalid_rule"


class InvalidExpression(AnalyticsError):
    """A formula that is none, or that does not fit the table it is about."""

    kind, code = "invalid", "invalid_expression"

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message, field="expression", **extra)


FILE_CODES = frozenset(
    {
        "cell_too_large",
        "does_not_fit",
        "encoding_unclear",
        "file_bomb",
        "invalid_encoding",
        "invalid_file",
        "invalid_options",
        "mixed_formats",
        "no_rows",
        "reader_crashed",
        "too_heavy",
        "too_many_columns",
        "too_many_rows",
        "unsupported_format",
    }
)
"""Why a file cannot become a table."""
OUTER_CODES = frozenset({"base_gone", "no_room", "reader_killed", "timeout"})
"""What is no fault of the file."""


class IngestRefused(AnalyticsError):
    """A user's file that cannot become a table; `code` says why.

    `field` is the file, or the reading option that does not fit it.
    """

    def __init__(
        self, code: str, message: str, *, field: str = "file", **extra: object
    ) -> None:
        super().__init__(message, field=field, **extra)
        self.code = code

    @staticmethod
    def of_option(name: str, message: str) -> "IngestRefused":
        """Return the refusal of a reading option, by its name."""
        return IngestRefused("invalid_options", message, field=f"options.{name}")

    @classmethod
    def codes(cls) -> frozenset[str]:
        return FILE_CODES | OUTER_CODES
