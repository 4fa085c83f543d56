"""What comparing two versions, and checking one by three rules a column, costs."""

from pathlib import Path

from bench.analytics import tables
from bench.analytics.measuring import Cost, best, free_blas, table
from bench.correlation import data_folder
from bench.printing import say
from datasets.analytics import drift, engine, quality

SHAPES = (
    tables.Shape(100_000, 20, has_nulls=True),
    tables.Shape(1_000_000, 20, has_nulls=True),
    tables.Shape(5_000_000, 30, has_nulls=False),
)


def main() -> None:
    free_blas()
    with data_folder() as folder:
        engine.configure(folder)
        rows = [cost for shape in SHAPES for cost in _costs(folder, shape)]
        say(table(("table", "question", "wall s", "CPU s", "peak MiB"), rows))


def _costs(folder: Path, shape: tables.Shape) -> list[tuple[object, ...]]:
    path = tables.parquet(folder, shape)
    rules = [
        quality.RuleSpec(kind, (f"x{column}",), parameters)
        for column in range(shape.columns)
        for kind, parameters in (
            (quality.RuleKind.NOT_NULL, {}),
            (quality.RuleKind.RANGE, {"min": -1e300}),
            (quality.RuleKind.RANGE, {"max": 1e300}),
        )
    ]
    compared = best(lambda: drift.compare(path, path))
    checked = best(lambda: quality.evaluate(path, rules))
    return [
        (shape, "drift, every column", *_shown(compared)),
        (shape, f"{len(rules)} rules", *_shown(checked)),
    ]


def _shown(cost: Cost) -> tuple[str, str, str]:
    return f"{cost.wall_s:.2f}", f"{cost.cpu_s:.2f}", f"{cost.peak_mib:.0f}"


if __name__ == "__main__":
    main()
