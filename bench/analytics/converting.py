"""One conversion in a process of its own.

python -m bench.analytics.converting ORDER
"""

import json
import sys
from pathlib import Path

from datasets.analytics import ingest


def main(order: str) -> None:
    given = {name: Path(path) for name, path in json.loads(order).items()}
    source = ingest.InputFile(given["path"], given["path"].name)
    ingest.convert([source], given["folder"])


if __name__ == "__main__":
    main(sys.argv[1])
