"""python -m bench.serving: prints Markdown; MLSERVER_PYTHON adds the anchor."""

import os
import statistics
import tempfile
import time
from pathlib import Path

import orjson
from django.conf import settings

from bench.printing import say
from bench.serving import images, load, servers
from deployments.serving.terms import Phase
from deployments.targets.local import LocalTarget

ROUNDS, SECONDS = 3, 4
WARM_DEPLOYS, MANY = 20, 50
CONNECTIONS = (1, 8)


def main() -> None:
    settings.configure()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        say(latency(Path(name)))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        say(images.compared(Path(name)))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        say(deploying(Path(name)))


def latency(folder: Path) -> str:
    """Return one row per server and number of connections, the best of some rounds.

    The servers run side by side and take turns, so that a busy moment of the
    machine meets all of them.
    """
    names = ["model process", "gateway → model process"]
    with (
        servers.child(folder) as child,
        servers.routed(folder),
        servers.gateway(folder) as gateway,
    ):
        prefix = f"/serving/production/{servers.NAME}"
        ends = [(child, servers.PATH), (gateway, prefix + servers.PATH)]
        if python := os.environ.get("MLSERVER_PYTHON"):
            with servers.mlserver(python) as anchor:
                names.append("MLServer, parallel_workers 0")
                return _taking_turns(names, [*ends, (anchor, servers.PATH)])
        return _taking_turns(names, ends)


def _taking_turns(names: list[str], ends: list[tuple[int, str]]) -> str:
    rows = []
    body = servers.body()
    for connections in CONNECTIONS:
        best: dict[str, load.Load] = {}
        for _ in range(ROUNDS):
            for name, (port, path) in zip(names, ends, strict=True):
                found = load.measure(
                    port, path, body, connections=connections, seconds=SECONDS
                )
                if name not in best or found.rps > best[name].rps:
                    best[name] = found
        rows += [(name, connections, best[name]) for name in names]
    return load.table(rows)


def deploying(folder: Path) -> str:
    """Return deploy times and memory."""
    with LocalTarget(folder) as target:
        first = servers.bring_up(target, servers.new_spec(folder))
        warm = [
            servers.bring_up(target, servers.new_spec(folder))
            for _ in range(WARM_DEPLOYS)
        ]
        each = statistics.mean(_pss_mb(pid) for pid in _pids(folder))
    with LocalTarget(folder) as target:
        target.tick()
        specs = [servers.new_spec(folder) for _ in range(MANY)]
        start = time.perf_counter()
        for spec in specs:
            target.apply(spec)
        for spec in specs:
            servers.until(
                lambda s=spec: target.observe(s.deployment_id).phase is Phase.READY
            )
        took = time.perf_counter() - start
        together = sum(_pss_mb(pid) for pid in _pids(folder))
    return (
        "| what | figure |\n|---|---:|\n"
        f"| first deploy, the zygote's start included | {first:.2f} s |\n"
        f"| warm deploy to ready, p50 of {WARM_DEPLOYS} "
        f"| {statistics.median(warm):.3f} s |\n"
        f"| warm deploy to ready, slowest | {max(warm):.3f} s |\n"
        f"| PSS of a deployment among {WARM_DEPLOYS + 1} | {each:.1f} MB |\n"
        f"| {MANY} deployments at once, all ready after | {took:.2f} s |\n"
        f"| PSS of these {MANY} together | {together:.0f} MB |"
    )


def _pids(folder: Path) -> list[int]:
    paths = (folder / "run" / "instances").glob("*.json")
    return [orjson.loads(path.read_bytes())["pid"] for path in paths]


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (pss,) = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    return pss / 1024


if __name__ == "__main__":
    main()
