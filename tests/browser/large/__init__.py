"""What the large store is about, and its datasets, the same rows each time."""

import csv
import io

SUBJECTS = (
    *("churn", "fraud", "demand", "credit", "pricing", "uplift", "search", "returns"),
    *("delivery", "energy", "sensor", "traffic", "claims", "inbox", "basket", "rental"),
    *("visits", "outage", "quality", "staffing"),
)
ROWS = 6_000
DATASETS = ("orders", "meters", "visits-by-hour")
COLUMNS = ("id", "amount", "price", "region")
REGIONS = ("north", "east", "south", "west", "overseas")

Row = tuple[int, int, float, str]


def rows_of(name: str) -> list[Row]:
    """Return the rows of a dataset, in the order of its file."""
    factor = 7_919 + 2 * DATASETS.index(name)
    mixed = [number * factor % 100_003 for number in range(ROWS)]
    return [
        (number, one % 1_000, one / 8, REGIONS[one % 5])
        for number, one in enumerate(mixed)
    ]


def csv_of(name: str) -> str:
    """Return the file of a dataset."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows(rows_of(name))
    return file.getvalue()
