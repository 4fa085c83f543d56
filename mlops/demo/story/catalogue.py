"""Chapter 1: the data, as two versions of a dataset, and its features."""

from datetime import date
from typing import Any

from mlops.demo.api import ApiError, segment
from mlops.demo.panel import FEATURES as COLUMNS
from mlops.demo.panel import SPLIT, Panel, PanelFeature
from mlops.demo.story.cast import DATASET, FEATURES, StoryCast

FIRST, END = date(1991, 1, 1), date(2023, 1, 1)  # a year of momentum comes first
DATASETS = f"{FEATURES}/datasets"
INGESTION_TIMEOUT_S = 300


def share_the_data(cast: StoryCast) -> None:
    declared = cast.scientist.get(FEATURES, limit=100)["features"]
    names = {feature["feature_name"] for feature in declared}
    for feature in COLUMNS:
        if feature.name not in names:
            _declare(cast, feature)
    _upload_first(cast, cast.panel.between(FIRST, SPLIT))
    for feature in COLUMNS:
        _bind(cast, feature)
    _upload_second(cast, cast.panel.between(SPLIT, END))


def _declare(cast: StoryCast, feature: PanelFeature) -> None:
    body = {
        "feature_name": feature.name,
        "feature_type": "technical_indicator",
        "data_type": "float",
        "description": feature.description,
        "tags": ["prices", "demo"],
        "transformation": {
            "transformation_type": "formula",
            "code": feature.code,
            "parameters": {"p": "adjusted close"},
        },
        "upstream_features": list(feature.upstream),
    }
    with cast.step(f"Declared the feature {feature.name}"):
        cast.scientist.post(FEATURES, body)
        cast.scientist.post(f"{FEATURES}/{feature.name}/activate")


def _bind(cast: StoryCast, feature: PanelFeature) -> None:
    shown = cast.scientist.get(f"{FEATURES}/{feature.name}")
    if "binding" in shown:
        return
    binding = {
        "dataset": DATASET,
        "column": feature.name,
        "entity_key": ["symbol"],
        "event_time": "date",
    }
    with cast.step(f"Bound the feature {feature.name} to its column"):
        cast.scientist.put(f"{FEATURES}/{feature.name}", {"binding": binding})


def _upload_first(cast: StoryCast, rows: Panel) -> None:
    if any(one["name"] == DATASET for one in cast.scientist.get(DATASETS)):
        return
    with cast.step(f"Uploaded {DATASET} version 1, {len(rows.dates):,} rows"):
        cast.scientist.upload(
            DATASETS,
            rows.parquet(),
            "sp500-1991-2006.parquet",
            name=DATASET,
            description="Daily features of 20 stocks of the S&P 500, 1991 to 2022.",
        )
        _wait_until_ready(cast)


def _upload_second(cast: StoryCast, rows: Panel) -> None:
    versions = f"{DATASETS}/{segment(DATASET)}/versions"
    if len(cast.scientist.get(versions)) > 1:
        return
    with cast.step(f"Uploaded {DATASET} version 2, {len(rows.dates):,} rows"):
        cast.scientist.upload(versions, rows.parquet(), "sp500-2007-2022.parquet")
        _wait_until_ready(cast)


def _wait_until_ready(cast: StoryCast) -> None:
    def is_done(versions: Any) -> bool:
        return all(version["state"] != "processing" for version in versions)

    versions = cast.scientist.wait(
        f"{DATASETS}/{segment(DATASET)}/versions",
        is_done,
        timeout_s=INGESTION_TIMEOUT_S,
    )
    failed = [version for version in versions if version["state"] == "failed"]
    if failed:
        raise ApiError(f"{DATASET}: {failed[0].get('state_reason')}")
