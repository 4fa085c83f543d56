"""Sampled requests become rows of the model's features, and are pruned."""

import fcntl
import json
import threading
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from deployments import samples
from deployments.models import EnvironmentRule
from deployments.reconciler.sample_intake import Intake, prune
from deployments.reconciler.sample_rows import as_arrow, columns
from deployments.serving.gateway.sampler import PERIOD_S
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import Tensor
from deployments.states import Environment
from deployments.worker import SampleIntake
from tests.deployments.factories import DeploymentFactory
from tests.deployments.targets.waiting import until

START = 1_790_000_400
OVER = START + PERIOD_S + 11
SIGNATURE = {
    "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [],
    "feature_names": ["age", "income"],
}
WIDE = (Tensor("X", "FP32", (-1, 2)),)


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def deployment(db):
    return DeploymentFactory(active=True, signature=SIGNATURE)


def infer(*rows):
    data = [value for row in rows for value in row]
    tensor = {"name": "X", "shape": [len(rows), 2], "datatype": "FP32", "data": data}
    return {"id": "secret", "inputs": [tensor]}


def spool(deployment_id, *bodies, gateway="g1", at=START + 5, end="\n"):
    path = samples.spool() / f"{gateway}-{START}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for body in bodies:
            entry = {"at": at, "deployment": str(deployment_id)}
            file.write(json.dumps({**entry, "body": json.dumps(body)}) + end)
    return path


def rows(deployment, gateway="g1"):
    path = folder_of(deployment.pk) / f"{START}-{gateway}.parquet"
    table = pq.read_table(path)
    kept = table.drop_columns([samples.SAMPLED_AT])
    return [tuple(row.values()) for row in kept.to_pylist()]


# Rows ---------------------------------------------------------------------------------


def test_a_wide_input_has_the_models_columns():
    found = columns(json.dumps(infer([1, 2.5], [3, 4])), WIDE, ["age", "income"])

    assert {name: list(values) for name, values in found.items()} == {
        "age": [1, 3],
        "income": [2.5, 4],
    }


def test_without_names_the_columns_are_numbered():
    assert list(columns(json.dumps(infer([1, 2])), WIDE, [])) == ["X_0", "X_1"]


def test_numbers_are_not_rounded_to_what_the_model_takes():
    found = columns(json.dumps(infer([0.1, 16_777_217])), WIDE, ["age", "income"])

    # As Python's own numbers: beside them numpy compares in its narrower type.
    assert found["age"].tolist() == [0.1]
    assert found["income"].tolist() == [16_777_217]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 2]]},
        [{"age": 1, "income": 2}],
        {"inputs": {"age": [1], "income": [2]}},
        {"dataframe_split": {"columns": ["income", "age"], "data": [[2, 1]]}},
    ],
)
def test_every_form_of_a_request_makes_the_same_rows(body):
    found = columns(json.dumps(body), WIDE, ["age", "income"])

    assert [list(found[name]) for name in ("age", "income")] == [[1], [2]]


def test_inputs_of_their_own_are_columns_by_their_names_and_types():
    inputs = (
        Tensor("city", "BYTES", (-1, 1)),
        Tensor("count", "INT32", (-1, 1)),
        Tensor("is_new", "BOOL", (-1,)),
        Tensor("picture", "FP32", (-1, 2, 2)),
    )
    record = {"city": "서울", "count": 3, "is_new": True}
    body = {"inputs": {key: [[value]] for key, value in record.items()}}
    body["inputs"] |= {"is_new": [True], "picture": [[[1, 2], [3, 4]]]}

    found = columns(json.dumps(body), inputs, [])

    arrays = {name: as_arrow(column) for name, column in found.items()}
    assert {name: array.to_pylist() for name, array in arrays.items()} == {
        name: [value] for name, value in record.items()
    }
    assert [str(each.type) for each in arrays.values()] == ["string", "int64", "bool"]


def test_what_was_missing_is_missing_and_not_a_number():
    found = columns(json.dumps(infer([None, 2])), WIDE, ["age", "income"])

    assert as_arrow(found["age"]).to_pylist() == [None]


@pytest.mark.parametrize("text", ["no", "{}", "[]", '{"inputs": [{"name": "Y"}]}'])
def test_what_the_model_would_not_take_makes_no_row(text):
    with pytest.raises(BadRequest):
        columns(text, WIDE, [])


def test_rows_of_any_number_have_the_models_columns():
    found = columns(json.dumps(infer([1, 2], [3, 4], [5, 6])), WIDE, ["age", "income"])

    assert [list(values) for values in found.values()] == [[1, 3, 5], [2, 4, 6]]


def test_two_inputs_have_names_of_their_own():
    inputs = (Tensor("X", "FP32", (-1, 2)), Tensor("Y", "FP32", (-1, 2)))
    body = {"inputs": {"X": [[1, 2]], "Y": [[3, 4]]}}

    found = columns(json.dumps(body), inputs, ["age", "income"])

    assert list(found) == ["X_0", "X_1", "Y_0", "Y_1"]


def test_inputs_with_rows_of_their_own_make_none():
    inputs = (Tensor("a", "FP32", (-1,)), Tensor("b", "FP32", (-1,)))
    body = {"inputs": {"a": [1, 2], "b": [1]}}

    with pytest.raises(BadRequest, match="rows of their own"):
        columns(json.dumps(body), inputs, [])


@pytest.mark.parametrize(
    ("shape", "value", "names"),
    [
        ((-1, 1, 1), [[[7]]], ["x"]),
        ((-1, 1, 2), [[[7, 8]]], []),
        ((-1, 2), [[7, 8]], ["x_0", "x_1"]),
    ],
)
def test_only_what_has_one_value_a_row_and_tables_are_columns(shape, value, names):
    body = {"inputs": {"x": value, "y": [1]}}
    inputs = (Tensor("x", "FP32", shape), Tensor("y", "FP32", (-1,)))

    assert list(columns(json.dumps(body), inputs, [])) == [*names, "y"]


def test_bytes_alone_are_the_only_input():
    binary = np.array([[1, 2], [3, 4]], "<f4").tobytes()

    found = columns("", WIDE, ["age", "income"], binary)

    assert {name: list(values) for name, values in found.items()} == {
        "age": [1, 3],
        "income": [2, 4],
    }


def test_bytes_after_json_are_of_the_tensors_that_it_names():
    parameters = {"binary_data_size": 16}
    tensor = {"name": "X", "shape": [1, 2], "datatype": "FP64"}
    text = json.dumps({"inputs": [{**tensor, "parameters": parameters}]})

    found = columns(text, WIDE, ["age", "income"], np.array([1, 2.5], "<f8").tobytes())

    assert [list(values) for values in found.values()] == [[1], [2.5]]


# Files --------------------------------------------------------------------------------


def test_rows_are_there_while_the_period_lasts_and_come_once(deployment):
    intake = Intake()
    spool(deployment.pk, infer([1, 2]))
    assert intake.ingest(START + 6) == 1
    spool(deployment.pk, infer([3, 4], [5, 6]))
    assert [intake.ingest(START + 7) for _ in range(2)] == [1, 0]
    path = spool(deployment.pk, infer([7, 8]))

    Intake().ingest(OVER)

    assert rows(deployment) == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert not path.exists()


def test_a_window_of_what_was_taken_in_can_be_read(deployment):
    spool(deployment.pk, infer([1, 2]), at=START + 5)
    spool(deployment.pk, infer([3, 4]), at=START + 65)
    Intake().ingest(OVER)
    since = datetime.fromtimestamp(START + 60, UTC)

    window = samples.live_sample(deployment.pk, since, since + timedelta(minutes=1))
    with window as sample:
        assert sample.columns == ("age", "income")
        assert pq.read_table(sample.path).to_pylist() == [{"age": 3.0, "income": 4.0}]
        assert sample.first_at == since + timedelta(seconds=5)


def test_gateways_and_deployments_have_files_of_their_own(deployment):
    other = DeploymentFactory(active=True, signature=SIGNATURE)
    spool(deployment.pk, infer([1, 2]), gateway="g1")
    spool(other.pk, infer([3, 4]), gateway="g1")
    spool(deployment.pk, infer([5, 6]), gateway="g2")

    Intake().ingest(START + 6)

    assert rows(deployment, "g1") == [(1, 2)]
    assert rows(deployment, "g2") == [(5, 6)]
    assert rows(other, "g1") == [(3, 4)]


def test_what_cannot_be_used_is_passed_over(deployment):
    spool(deployment.pk, infer([1, 2]), "nonsense", {"inputs": []})
    with spool(deployment.pk).open("a") as file:
        file.write("cut off{\n[]\n")
    spool(uuid.uuid4(), infer([9, 9]))
    spool(deployment.pk, infer([3, 4]))
    spool(deployment.pk, infer([5, 6]), end="")

    Intake().ingest(START + 6)

    assert rows(deployment) == [(1, 2), (3, 4)]
    assert {path.name for path in samples.root().glob("*-*-*-*-*")} == {
        str(deployment.pk)
    }


def test_one_without_a_signature_yet_keeps_nothing(db):
    old = DeploymentFactory(active=True)
    path = spool(old.pk, infer([1, 2]))

    Intake().ingest(OVER)

    assert not path.exists()
    assert not folder_of(old.pk).exists()


def test_where_nothing_was_sampled_yet_there_is_nothing_to_take_in(db):
    assert Intake().ingest(START) == 0
    assert samples.root().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["g-1-0", "é-0", "g1-later", "g1-٣", "0"])
def test_a_file_that_no_gateway_wrote_is_passed_over_and_stays(deployment, name):
    path = spool(deployment.pk, infer([1, 2]))
    strange = path.rename(path.with_name(f"{name}.jsonl"))

    assert Intake().ingest(OVER) == 0
    assert strange.exists()
    assert not folder_of(deployment.pk).exists()


def test_a_file_stays_until_its_period_is_over_for_ten_seconds(deployment):
    path = spool(deployment.pk, infer([1, 2]))
    intake = Intake()
    intake.ingest(START + PERIOD_S + 10)
    kept = path.exists()

    intake.ingest(OVER)

    assert (kept, path.exists()) == (True, False)


def test_two_workers_do_not_meet_over_one_spool(deployment):
    spool(deployment.pk, infer([1, 2]))
    samples.root().mkdir(exist_ok=True)
    with (samples.root() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert Intake().ingest(OVER) == 0
    assert Intake().ingest(OVER) == 1


# Pruning ------------------------------------------------------------------------------


def folder_of(deployment_id):
    return samples.root() / str(deployment_id)


def aged(deployment, days):
    """Store a file whose period began so many days before START."""
    spool(deployment.pk, infer([1, 2]))
    Intake().ingest(START + 6)
    path = folder_of(deployment.pk) / f"{START}-g1.parquet"
    return path.rename(path.with_name(f"{START - days * 86_400}-g1.parquet"))


def test_rows_go_when_they_are_older_than_the_rule_says(deployment):
    EnvironmentRule.objects.filter(pk="development").update(sample_days=7)
    old, young = aged(deployment, 8), aged(deployment, 6)

    assert prune(START) == 1
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize(("seconds", "gone"), [(0, 0), (1, 1)])
def test_rows_are_kept_until_their_whole_period_is_too_old(deployment, seconds, gone):
    EnvironmentRule.objects.filter(pk="development").update(sample_days=7)
    aged(deployment, 7)

    assert prune(START + PERIOD_S + seconds) == gone


@pytest.mark.parametrize(("bytes_more", "gone"), [(0, 0), (1, 1)])
def test_as_much_as_the_rule_allows_is_not_too_much(deployment, bytes_more, gone):
    EnvironmentRule.objects.filter(pk="development").update(sample_max_mb=1)
    for days, size in ((2, 600 << 10), (1, (424 << 10) + bytes_more)):
        with aged(deployment, days).open("ab") as file:
            file.truncate(size)

    assert prune(START) == gone


def test_the_oldest_go_when_there_is_too_much(deployment):
    EnvironmentRule.objects.filter(pk="development").update(sample_max_mb=1)
    paths = [aged(deployment, days) for days in (3, 2, 1)]
    for path in paths:
        with path.open("ab") as file:
            file.truncate(400 << 10)

    assert prune(START) == 1
    assert [path.exists() for path in paths] == [False, True, True]


def test_rows_of_a_deployment_that_is_no_more_go(deployment):
    gone = folder_of(uuid.uuid4())
    gone.mkdir(parents=True)
    (gone / f"{START}-g1.parquet").write_bytes(b"rows")
    kept = aged(deployment, 0)

    prune(START)

    assert (gone.exists(), kept.exists()) == (False, True)


# Rule and worker ----------------------------------------------------------------------


def test_by_default_nothing_is_kept(db):
    rates = EnvironmentRule.objects.values_list("sample_rate", flat=True)

    assert list(rates) == [0.0] * len(Environment)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_worker_takes_in_beside_its_other_work():
    EnvironmentRule.objects.update(sample_days=30_000)
    deployment = DeploymentFactory(active=True, signature=SIGNATURE)
    path = spool(deployment.pk, infer([1, 2]))

    with SampleIntake(threading.Event()):
        until(lambda: not path.exists())

    assert rows(deployment) == [(1, 2)]
