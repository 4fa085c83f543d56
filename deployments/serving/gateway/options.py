"""How a gateway runs. Workers get it as JSON from the process that starts them."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

VARIABLE = "GATEWAY_OPTIONS"


@dataclass(frozen=True, slots=True)
class Options:
    """Limits are per gateway process; times are in seconds."""

    data_dir: str = "var"
    host: str = "127.0.0.1"
    port: int = 8501
    workers: int = 1
    connect_s: float = 1.0
    read_s: float = 10.0
    hold_s: float = 0.9
    head_s: float = 10.0
    request_s: float = 30.0
    max_body_bytes: int = 16 << 20
    max_answer_bytes: int = 64 << 20
    max_outstanding: int = 100
    needs_key: bool = True

    @classmethod
    def from_environment(cls) -> Self:
        return cls(**orjson.loads(os.environ.get(VARIABLE, "{}")))

    def as_json(self) -> str:
        return orjson.dumps(dataclasses.asdict(self)).decode()

    @property
    def run(self) -> Path:
        return Path(self.data_dir) / "run"

    @property
    def samples(self) -> Path:
        return Path(self.data_dir) / "samples" / "spool"

    @property
    def traffic(self) -> Path:
        return Path(self.data_dir) / "traffic"
