"""The counters in Prometheus' text form, from the same numbers as the spool."""

import platform
from collections.abc import Iterable, Iterator, Mapping

from deployments.serving.gateway.counters import Tally
from deployments.serving.histogram import upper_ms
from mlops import __version__

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
EVERY = 8  # of our buckets, one boundary there
LAST = 112
Labels = Mapping[str, str]

_BUILD = {
    "program": "gateway",
    "version": __version__,
    "python": platform.python_version(),
}
_COUNTS = {
    "request_count": ("requests_total", "Infer calls answered."),
    "error_count": ("errors_total", "Infer calls that failed (5xx and time-outs)."),
    "client_error_count": ("client_errors_total", "Infer calls at fault (4xx)."),
    "unavailable_count": (
        "unavailable_total",
        "Infer calls that found no instance ready.",
    ),
    "non_finite_count": (
        "non_finite_total",
        "Infer calls answered with a NaN or an infinity.",
    ),
    "rejected_count": ("rejected_total", "Infer calls turned away by overload."),
}


def exposition(tallies: Iterable[tuple[Labels, Tally]]) -> bytes:
    """Return one page; labels come with each tally."""
    rows = list(tallies)
    lines = [
        "# HELP mlops_build_info Always 1; version and Python are its labels.",
        "# TYPE mlops_build_info gauge",
        f"mlops_build_info{_text(_BUILD)} 1",
    ]
    for field, (name, text) in _COUNTS.items():
        lines.append(f"# HELP mlops_gateway_{name} {text}")
        lines.append(f"# TYPE mlops_gateway_{name} counter")
        for labels, tally in rows:
            value = getattr(tally, field)
            lines.append(f"mlops_gateway_{name}{_text(labels)} {value}")
    lines.append("# HELP mlops_gateway_latency_seconds Time to answer in the gateway.")
    lines.append("# TYPE mlops_gateway_latency_seconds histogram")
    for labels, tally in rows:
        lines.extend(_histogram(labels, tally))
    return ("\n".join(lines) + "\n").encode()


def _histogram(labels: Labels, tally: Tally) -> Iterator[str]:
    name, total = "mlops_gateway_latency_seconds", sum(tally.histogram.values())
    for end in range(0, LAST + 1, EVERY):
        count = sum(n for number, n in tally.histogram.items() if number <= end)
        edge = f"{upper_ms(end) / 1000:.6g}"
        yield f"{name}_bucket{_text({**labels, 'le': edge})} {count}"
    yield f"{name}_bucket{_text({**labels, 'le': '+Inf'})} {total}"
    yield f"{name}_sum{_text(labels)} {tally.sum_ms / 1000:.9g}"
    yield f"{name}_count{_text(labels)} {total}"


def _text(labels: Labels) -> str:
    pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{{{pairs}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
