"""REST addresses of experiments, runs, models and versions."""

from urllib.parse import quote

ROOT = "/api/v1/ml/lifecycle"


def address(*parts: str) -> str:
    """Return the address of a thing; names are percent-encoded, `/` in paths kept."""
    return "/".join([ROOT, *(quote(part, safe="/") for part in parts)])
