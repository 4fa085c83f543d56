import pytest

from datasets.models import Dataset, DatasetVersion
from datasets.states import VersionState
from lifecycle import lineage
from lifecycle.models import ModelVersion
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain():
    """A dataset version, read by a run, registered as a model version."""
    dataset = Dataset.objects.create(name="prices")
    data = DatasetVersion.objects.create(
        dataset=dataset, number=1, digest="d" * 64, state=VersionState.READY
    )
    run = RunFactory()
    run.read_dataset(data, context="training")
    version = ModelVersion.register("churn", by=None, run=run)
    return data, run, version


def test_model_leads_back_to_its_run_experiment_and_data(chain):
    data, run, version = chain

    edges = lineage.walk(f"model_version:{version.pk.hex}", "upstream")

    assert [(edge.depth, edge.source, edge.relation) for edge in edges] == [
        (1, f"run:{run.pk}", "registered_as"),
        (2, f"dataset_version:{data.pk.hex}", "read_by"),
        (2, f"experiment:{run.experiment_id}", "has_run"),
    ]


def test_data_leads_to_what_was_made_of_it(chain):
    data, run, version = chain

    edges = lineage.walk(f"dataset_version:{data.pk.hex}", "downstream")

    assert [edge.target for edge in edges] == [
        f"run:{run.pk}",
        f"model_version:{version.pk.hex}",
    ]


def test_walk_ends_at_its_depth(chain):
    data, _, _ = chain

    edges = lineage.walk(f"dataset_version:{data.pk.hex}", "downstream", depth=1)

    assert len(edges) == 1


def test_circle_ends(chain):
    _, run, _ = chain
    back = lineage.Link(
        lineage.End("model_version", "id"),
        lineage.End("run", "run_id"),
        "again",
        "lifecycle_modelversion WHERE TRUE",
    )

    edges = lineage.walk(f"run:{run.pk}", "downstream", links=[*lineage.LINKS, back])

    assert [(edge.depth, edge.relation) for edge in edges] == [
        (1, "registered_as"),
        (2, "again"),
    ]


def test_walk_asks_once_for_a_step_however_much_it_reaches(
    chain, django_assert_num_queries
):
    _, run, _ = chain
    RunFactory.create_batch(20, experiment=run.experiment)

    with django_assert_num_queries(2):
        edges = lineage.walk(f"experiment:{run.experiment_id}", "downstream")

    assert [edge.relation for edge in edges] == ["has_run"] * 21 + ["registered_as"]


def test_walk_ends_at_its_largest_answer(chain, monkeypatch):
    _, run, _ = chain
    RunFactory.create_batch(20, experiment=run.experiment)
    monkeypatch.setattr(lineage, "MOST_EDGES", 5)

    edges = lineage.walk(f"experiment:{run.experiment_id}", "downstream")

    assert {edge.target for edge in edges} == {
        f"run:{run.pk + number}" for number in range(5)
    }


@pytest.mark.parametrize("start", ["run:999", "nothing", "", "run:'; DROP TABLE x"])
def test_unknown_node_leads_nowhere(start):
    assert lineage.walk(start, "downstream") == []


def test_nodes_have_the_ids_that_the_api_takes(chain):
    _, run, version = chain
    keys = [f"run:{run.pk}", f"model_version:{version.pk.hex}", "deployment:1"]

    nodes = lineage.describe(keys)

    assert nodes[keys[0]].id == run.uid
    assert nodes[keys[1]].name == "churn:1"
    assert len(nodes) == 2
