"""The words between the reconciler, the targets and what serves: shared by all three.

Written in terms that a local process, a Ray Serve application and a KServe
InferenceService can all fulfil.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from deployments.serving import readings


class TargetRefused(Exception):
    """The target cannot serve this; the message is for the person who deployed."""


class TransientTargetError(Exception):
    """The target failed for now; retrying the same call may work."""


class CapacityError(TransientTargetError):
    """The machine lacks capacity, such as disk space. It may have some later."""


class TargetBusy(TransientTargetError):
    """It waits for CPU. How long says nothing about the model."""


class Phase(StrEnum):
    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file of a folder: its path in there, where its bytes lie, and their digest."""

    path: str
    stored: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that an ONNX file keeps weights in: its path relative to that file."""

    path: str
    stored: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PyfuncFolder:
    """An MLflow `python_function` folder: its files, and what its MLmodel says.

    `code` and `data` are paths in the folder, empty if there are none; `inputs` and
    `outputs` its signature, in JSON as it stands there.
    """

    files: tuple[FolderFile, ...]
    loader_module: str
    code: str = ""
    data: str = ""
    inputs: str = ""
    outputs: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """How the file that an MLmodel names is loaded and called.

    `flavor` is MLflow's name of the library, `version` that of the library that wrote
    the file, `model_class` the class that is to be asked and `predict_fn` its method,
    where they are named; `inputs` and `outputs` are the signature, in JSON.
    """

    flavor: str = ""
    version: str = ""
    model_class: str = ""
    predict_fn: str = ""
    inputs: str = ""
    outputs: str = ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The artifact on disk, with what the registry says it must be.

    `golden` holds requests with their stored answers (`formats.golden` says how),
    `example` a request that must be taken, `manifest` what the MLmodel beside it says;
    `feature_names` order the columns of an input whose file does not name them. Of a
    `folder` the digest stands for all its files, and `path` is its MLmodel. `data` are
    the files that are registered with an ONNX file, the only ones that it may read.
    """

    path: Path
    name: str
    sha256: str
    size_bytes: int
    golden: Path | None = None
    example: Path | None = None
    manifest: Manifest | None = None
    feature_names: tuple[str, ...] = ()
    folder: PyfuncFolder | None = None
    data: tuple[DataFile, ...] = ()

    @property
    def data_bytes(self) -> int:
        """Total size of its other files."""
        return sum(each.size_bytes for each in self.data)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named input or output; -1 in `shape` is any length.

    An input that is optional may be left out of a request, an output of an answer.
    One that has a default has the model's own value then. A sequence is any number of
    such tensors; where `has_any_rank`, `shape` is only one of those that are taken.
    A text that `takes_null` may be missing.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    is_optional: bool = False
    is_sequence: bool = False
    has_any_rank: bool = False
    has_default: bool = False
    takes_null: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model; `feature_names` are those of `Validation`."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    feature_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """Desired state of a deployment at the target; keyed by the deployment's id.

    With `max_instances` above `instances` the target scales between the two on
    outstanding requests. `converts` asks for a scikit-learn model to be served as
    ONNX, where that gives the same answers. Models that are code run in the Python
    `interpreter`, a path; empty for the target's own. `reading` is the number of the
    rules by which the file is read (`serving.readings`). A process ends itself when a
    prediction takes over `predict_limit_s`. `before` is what the version before takes:
    what is refused that it would have taken is marked; None where that is unknown.
    """

    deployment_id: str
    environment: str
    model_name: str
    model_version: str
    file: ModelFile
    instances: int = 1
    max_instances: int = 0
    cpus: float = 1.0
    memory_bytes: int = 1 << 30
    allows_code: bool = False
    converts: bool = False
    interpreter: str = ""
    reading: int = readings.NEWEST
    predict_limit_s: float = 30.0
    max_body_bytes: int = 16 << 20
    before: Signature | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """Result of loading and running the model in a throw-away process.

    The latency is of one row inside the process, None when the model does not
    take made-up rows; `golden_rows` is how many stored answers were reproduced,
    `feature_names` are the columns of a single wide input, empty when unknown.
    """

    platform: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    latency_p50_ms: float | None
    golden_rows: int = 0
    feature_names: tuple[str, ...] = ()
    conversion: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadingComparison:
    """Differences of answers under newer reading rules, in words.

    `requests` were run under both; none where the rules do not touch the model.
    """

    differences: tuple[str, ...]
    requests: int


@dataclass(frozen=True, slots=True)
class TargetObservation:
    """Observed state of one deployment at the target.

    `is_busy` says that what is missing waits for processors.
    """

    phase: Phase
    ready_instances: int = 0
    desired_instances: int = 0
    restarts: int = 0
    message: str = ""
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Limits of one call of a deployment; None is the gateway's own limit."""

    timeout_s: int | None = None
    max_concurrency: int | None = None
    max_body_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One deployment's share of a slot's traffic: a weight in percent, or a mirror.

    `sticky_by` is "key" or a header's name where callers keep their version, else "".
    """

    deployment_id: str
    model_version: str
    weight: int = 100
    is_shadow: bool = False
    sticky_by: str = ""
    limits: CallLimits = field(default_factory=CallLimits)


@dataclass(frozen=True, slots=True)
class LimitedKey:
    """A key (SHA-256) with limits; `expires_at` are seconds since 1970.

    With a `deployment_id` it opens that deployment's own address and nothing else.
    """

    digest: str
    expires_at: float | None = None
    rate_per_minute: int | None = None
    daily_quota: int | None = None
    deployment_id: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Route of a slot: its deployments, and the valid keys (SHA-256).

    `limited_keys` are those of `key_digests` that may not do everything.

    `sample_rate` is the share of infer calls, in [0, 1], whose inputs are kept.
    """

    environment: str
    model_name: str
    entries: tuple[RouteEntry, ...] = ()
    key_digests: frozenset[str] = field(default_factory=frozenset)
    sample_rate: float = 0.0
    limited_keys: tuple[LimitedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenAccess:
    """Tokens (SHA-256) that may call every model, or open access.

    `readers` are tokens that may read, as the gateway's `/metrics`.
    """

    digests: frozenset[str] = field(default_factory=frozenset)
    is_open: bool = False
    readers: frozenset[str] = field(default_factory=frozenset)
