"""What the tests execute, branches counted, against the floors of each area.

    python -m tests.covered coverage.json

Modules that run in a child without files or environment of ours are not measured; they
are listed, and their tests ask the child. So is the gateway, which starts itself anew
with an environment of its own.
"""

import json
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

FLOORS = {
    "states": (("*/states.py",), 0.95),
    "permissions": (("mlops/core/permissions.py", "mlops/core/roles.py"), 0.95),
    "store": (("lifecycle/store/*",), 0.95),
    "reconciler": (("deployments/reconciler/*",), 0.95),
    "analytics": (("datasets/analytics/*",), 0.95),
    "all": (("*",), 0.90),
}
SHUT_IN = (
    "datasets/analytics/console/bootstrap.py",
    "datasets/analytics/console/child.py",
    "datasets/analytics/console/run.py",
    "datasets/analytics/ingest/child.py",
    "deployments/gateway/__main__.py",
    "deployments/serving/child/*.py",
    "deployments/serving/gateway/*.py",
    "deployments/serving/formats/first/*.py",
    "mlops/sandbox/*.py",
)


def is_shut_in(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in SHUT_IN)


def share(summaries: Iterable[dict[str, int]]) -> tuple[float, int]:
    """Return the part of statements and branches that was executed, and their count."""
    covered = total = 0
    for summary in summaries:
        covered += summary["covered_lines"] + summary["covered_branches"]
        total += summary["num_statements"] + summary["num_branches"]
    return (covered / total if total else 1.0), total


def main(report: Path) -> int:
    files = json.loads(report.read_text())["files"]
    measured = {n: one["summary"] for n, one in files.items() if not is_shut_in(n)}
    print("| area | statements and branches | executed | floor |\n|---|---:|---:|---:|")
    is_enough = True
    for area, (patterns, floor) in FLOORS.items():
        found, total = share(
            summary
            for name, summary in measured.items()
            if any(fnmatch(name, pattern) for pattern in patterns)
        )
        print(f"| {area} | {total} | {found:.1%} | {floor:.0%} |")
        is_enough &= found >= floor
    print(
        "\nNot measured, run in children:",
        ", ".join(sorted(set(files) - set(measured))),
    )
    worst = sorted(measured, key=lambda name: share([measured[name]])[0])[:25]
    for name in worst:
        print(f"    {share([measured[name]])[0]:6.1%} {name}")
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
