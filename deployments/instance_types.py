"""The instance types on offer: what `instance_type` means in CPU and memory."""

from dataclasses import dataclass

GIB = 1 << 30
MAX_INSTANCES = 32


@dataclass(frozen=True, slots=True)
class InstanceType:
    """What one instance may use; memory comes on top of an empty server's own."""

    name: str
    cpus: float
    memory_bytes: int


_OFFERED = (
    InstanceType("standard", 1, GIB),
    InstanceType("cpu.small", 1, GIB),
    InstanceType("cpu.medium", 2, 2 * GIB),
    InstanceType("cpu.large", 4, 4 * GIB),
    InstanceType("memory.medium", 1, 4 * GIB),
    InstanceType("memory.large", 2, 8 * GIB),
)
INSTANCE_TYPES: dict[str, InstanceType] = {kind.name: kind for kind in _OFFERED}
