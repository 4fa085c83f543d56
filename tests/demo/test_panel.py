"""The demo's data and models are real, and say nothing about tomorrow's prices."""

import io
import json
from datetime import date
from functools import cache

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest

from mlops.demo import panel, training


@cache
def whole() -> panel.Panel:
    return panel.load()


def years(first, end):
    return whole().between(date(first, 1, 1), date(end, 1, 1))


def test_panel_has_a_row_per_day_and_symbol():
    rows = whole()

    assert len(rows.dates) == 8313 * 20
    assert len(set(rows.symbols)) == 20
    assert rows.dates[0] == np.datetime64("1990-01-02")


def test_features_are_known_at_the_close_and_the_target_is_the_next_day():
    rows = whole()
    of_one = rows.symbols == "AAPL"
    daily = rows.features[of_one][:, panel.FEATURE_NAMES.index("ret_1d")]

    assert np.isnan(daily[0])
    assert np.isnan(rows.target[of_one][-1])
    assert np.array_equal(rows.target[of_one][:-1], daily[1:])


def test_parquet_keeps_unknown_values_as_nulls():
    table = pq.read_table(io.BytesIO(years(1990, 1992).parquet()))

    assert table.column_names == ["date", "symbol", *panel.FEATURE_NAMES, panel.TARGET]
    assert table["mom_252d"].null_count == 252 * 20
    assert not np.isnan(table["mom_252d"].drop_null().to_numpy()).any()


@pytest.fixture(scope="module")
def small_split():
    return training.Split.of(years(1992, 1996), years(1996, 1997))


@pytest.mark.parametrize("train", [training.train_linear, training.train_boosted])
def test_exported_model_answers_its_own_golden_rows(train, small_split):
    reports = []

    trained = train(small_split, lambda *report: reports.append(report))

    case = json.loads(trained.golden)
    sent, answers = case["inputs"][0], case["outputs"]
    rows = np.array(sent["data"], np.float32).reshape(sent["shape"])
    session = onnxruntime.InferenceSession(trained.onnx)
    labels, _ = session.run(None, {sent["name"]: rows})
    assert labels.tolist() == answers[0]["data"]
    assert [step for step, _ in reports] == list(range(1, len(reports) + 1))
    assert 0.4 < trained.metrics["accuracy"] < 0.6
