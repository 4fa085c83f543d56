"""Counts what a model server does, as the protocol's statistics have it.

https://github.com/triton-inference-server/server, extension_statistics.md. Each time
is counted with how often it was taken; there is no cache here and no batching.
"""

import time
from dataclasses import dataclass
from typing import Any

NOTHING = {"count": 0, "ns": 0}


@dataclass(slots=True)
class Statistics:
    """Of the infer calls since the process began; times are in nanoseconds."""

    count: int = 0
    rows: int = 0
    last_ms: int = 0
    input_ns: int = 0
    infer_ns: int = 0
    output_ns: int = 0
    failed_count: int = 0
    failed_ns: int = 0

    def succeeded(self, start: int, given: int, found: int, rows: int) -> None:
        """Count an answer that is ready now; its inputs were at `given`."""
        self.count += 1
        self.rows += rows
        self.input_ns += given - start
        self.infer_ns += found - given
        self.output_ns += time.perf_counter_ns() - found
        self.last_ms = time.time_ns() // 1_000_000

    def failed(self, start: int) -> None:
        self.failed_count += 1
        self.failed_ns += time.perf_counter_ns() - start

    def as_json(self) -> dict[str, Any]:
        taken_ns = self.input_ns + self.infer_ns + self.output_ns
        return {
            "last_inference": self.last_ms,
            "inference_count": self.rows,
            "execution_count": self.count,
            "inference_stats": {
                "success": {"count": self.count, "ns": taken_ns},
                "fail": {"count": self.failed_count, "ns": self.failed_ns},
                "queue": NOTHING,
                "compute_input": {"count": self.count, "ns": self.input_ns},
                "compute_infer": {"count": self.count, "ns": self.infer_ns},
                "compute_output": {"count": self.count, "ns": self.output_ns},
                "cache_hit": NOTHING,
                "cache_miss": NOTHING,
            },
            "batch_stats": [],
        }
