"""What can go wrong with datasets and features."""

from mlops.core.errors import (
    AlreadyExists,
    DomainError,
    Invalid,
    NotFound,
    TooLarge,
    Unavailable,
    Unsupported,
)


class DatasetNotFound(NotFound):
    code = "dataset_not_found"


class VersionNotFound(NotFound):
    code = "version_not_found"


class FeatureNotFound(NotFound):
    code = "feature_not_found"


class UploadNotFound(NotFound):
    code = "upload_not_found"


class ConnectionNotFound(NotFound):
    code = "connection_not_found"


class FolderNotAllowed(DomainError):
    """The server's environment does not allow the connection's folder."""

    code = "folder_not_allowed"


class ObjectNotFound(NotFound):
    code = "object_not_found"


class RuleNotFound(NotFound):
    code = "rule_not_found"


class RowNotFound(NotFound):
    code = "row_not_found"


class NameTaken(AlreadyExists):
    code = "name_taken"


class VersionTaken(AlreadyExists):
    code = "version_taken"


class NotReady(DomainError):
    """The version is still being read, or could not be."""

    code = "not_ready"


class Purged(NotFound):
    """The version's row is kept for the lineage; its bytes are gone."""

    code = "version_purged"


class NotCurrent(DomainError):
    """The version that was built on is not the dataset's current one (any more)."""

    code = "not_current"


class InUse(DomainError):
    code = "in_use"


class HasDependents(DomainError):
    code = "has_dependents"


class IllegalMove(DomainError):
    code = "illegal_transition"


class InvalidBinding(Invalid):
    """The feature cannot be bound like this; `field` names the part at fault."""

    code = "invalid_binding"


class LineageCycle(DomainError):
    code = "lineage_cycle"


class NothingToRollBackTo(DomainError):
    code = "nothing_to_roll_back_to"


class OffsetMismatch(DomainError):
    """A chunk of an upload does not start where the last one ended."""

    code = "offset_mismatch"


class BadFile(Invalid):
    """The file cannot be read as a table; the message says why and where."""

    code = "invalid_file"


class TypeNotKept(Invalid):
    """A column has a type that no written file keeps: it would come back as text."""

    code = "type_not_kept"


class EmptyFile(BadFile):
    code = "empty_file"


class UnsupportedFormat(Unsupported):
    code = "unsupported_format"


class ReaderBusy(Unavailable):
    """Another file is being read in this process; try again in a moment."""

    code = "busy"


class DiskFull(Unavailable):
    """The disk of the server is full."""

    code = "no_room"


class FileTooLarge(TooLarge):
    code = "too_large"
