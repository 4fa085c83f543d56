"""What is asked of a dataset that is still being read is refused as documented."""

import pytest

from datasets.models import Dataset, DatasetVersion, IngestJob
from mlops.core.schema.walk import operations
from tests.contract.shapes import SHAPES

pytestmark = pytest.mark.django_db
QUERIES = {
    "compareDatasetVersions": {"with": "1"},
    "diffDatasetVersions": {"with": "1", "key": "x"},
    "getDatasetCell": {"column": "x", "row": "0"},
    "getDatasetDrift": {"from": "1"},
    "getFilteredDatasetRows": {"conditions": "[]"},
    "searchDataset": {"q": "a"},
}
READS = {
    operation["operationId"]: (path, operation["responses"])
    for path, method, operation in operations(SHAPES.document)
    if method == "get" and "{dataset_id}/" in path
}


@pytest.fixture(params=["processing", "failed"])
def unready(request, data_dir):
    """A dataset of two versions, none of which can be read."""
    dataset = Dataset.objects.create(name="prices")
    for number in (1, 2):
        version = DatasetVersion.objects.create(
            dataset=dataset, number=number, state=request.param, digest=f"{number:064x}"
        )
        IngestJob.objects.create(version=version)
    dataset.newest_version = version
    dataset.save()
    return dataset


@pytest.mark.parametrize("name", READS)
def test_what_looks_into_rows_documents_409_and_nothing_else_does(api, unready, name):
    path, documented = READS[name]
    url = path.format(dataset_id="prices", label="1", rule_id="none")

    answer = api("admin").get(url, QUERIES.get(name, {}))

    assert str(answer.status_code) in documented
    assert (answer.status_code == 409) == ("409" in documented), answer.content
    assert answer.status_code != 409 or answer.json()["code"] == "not_ready"


@pytest.mark.parametrize(
    ("name", "query"),
    [("listMetricCurves", {"run_id": "none"}), ("getLineage", {"of": "run:none"})],
)
def test_what_a_query_names_and_is_not_there_is_404_as_documented(api, name, query):
    ((path, documented),) = (
        (path, operation["responses"])
        for path, _method, operation in operations(SHAPES.document)
        if operation["operationId"] == name
    )

    assert api("admin").get(path, query).status_code == 404
    assert "404" in documented
