"""Three real and messy data sets, from the upload to the correlation, by the API.

Airports of the world (28,000 rows: Unicode, quotes, gaps), breast cancer cells (a
first line that counts rows and classes instead of naming columns), and diabetes
patients (gzip, parted by spaces, no header). The files are those of installed
packages, just as they are.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from datasets.models import DatasetVersion
from tests.datasets.conftest import DATASETS, data_dir

__all__ = ["data_dir"]

pytestmark = pytest.mark.django_db
AIRPORTS = ("airportsdata", "airports.csv")
CANCER = ("sklearn", "datasets/data/breast_cancer.csv")
DIABETES = ("sklearn", "datasets/data/diabetes_data_raw.csv.gz")


def content(package, path):
    """Return the bytes of a file in an installed package, which is not imported."""
    spec = find_spec(package)
    return Path(spec.submodule_search_locations[0], path).read_bytes()


class Explorer:
    """A data scientist with one dataset."""

    def __init__(self, client, name):
        self.client, self.url = client, f"{DATASETS}/{name}"

    def upload(self, package, path):
        return self.upload_text(path.rpartition("/")[2], content(package, path))

    def upload_text(self, name, text):
        file = SimpleUploadedFile(name, text)
        body = {"name": self.url.rpartition("/")[2], "file": file}
        return self.client.post(DATASETS, body, format="multipart")

    def get(self, what, **query):
        answer = self.client.get(f"{self.url}/{what}", query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def statistics(self):
        return {one["name"]: one for one in self.get("statistics")["columns"]}

    def keep_suggested_rules(self):
        """Take over what the profile suggests; return how many rules that were."""
        suggested = self.get("rules/suggestions")
        for rule in suggested:
            answer = self.client.post(f"{self.url}/rules", rule)
            assert answer.status_code == 201, (rule, answer.content)
        return len(suggested)

    def check(self):
        answer = self.client.post(f"{self.url}/checks", {})
        assert answer.status_code == 201, answer.content
        return answer.json()

    def correlations(self, **query):
        found = self.get("correlation", **query)
        pairs = {
            (one["feature1"], one["feature2"]): one["correlation"]
            for one in found["correlation_matrix"]
        }
        assert all(-1 <= value <= 1 for value in pairs.values())
        return pairs, found


@pytest.fixture
def explorer(api, data_dir):
    return lambda name: Explorer(api("data scientist"), name)


def test_airports_of_the_world(explorer):
    airports = explorer("airports")

    made = airports.upload(*AIRPORTS).json()
    figures = airports.statistics()
    rules = airports.keep_suggested_rules()
    checked = airports.check()
    pairs, found = airports.correlations()

    assert made["state"] == "ready"
    lines = content(*AIRPORTS).decode().splitlines()
    assert made["row_count"] == len(lines) - 1
    assert (figures["lat"]["min"], figures["lat"]["max"]) == (
        -90,
        pytest.approx(82.5, abs=1),
    )
    assert figures["iata"]["nulls"] > made["row_count"] / 2
    assert figures["country"]["top"][0]["value"] == "US"
    distinct = figures["icao"]["distinct"]
    assert distinct["value"] == pytest.approx(made["row_count"], rel=0.03)
    assert rules >= len(figures)
    assert checked["status"] == "passed", checked
    assert set(found["features"]) == {"elevation", "lat", "lon"}
    assert abs(pairs["lat", "lon"]) < 0.6
    in_sao_paulo = airports.get("search", q="São Paulo", limit=1)
    assert in_sao_paulo["row_count"] > 300
    assert in_sao_paulo["rows"][0]["subd"] == "São Paulo"


def test_cells_whose_first_line_names_no_columns(explorer):
    cells = explorer("cells")
    _counts, _, rows = content(*CANCER).partition(b"\n")

    refused = cells.upload(*CANCER)
    made = cells.upload_text("cells.csv", rows).json()

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_file")
    assert refused.json()["line"] == 1
    assert "4 cells but most rows have 31" in refused.json()["detail"]
    assert (made["state"], made["row_count"]) == ("ready", 569)
    assert cells.keep_suggested_rules()
    assert cells.check()["status"] == "passed"
    pairs, found = cells.correlations()
    radius, _texture, perimeter = found["features"][:3]
    assert len(found["features"]) == 31
    assert pairs[radius, perimeter] == pytest.approx(0.9979, abs=1e-3)


def test_patients_in_columns_parted_by_spaces(explorer):
    patients = explorer("patients")

    made = patients.upload(*DIABETES).json()

    assert (made["state"], made["row_count"]) == ("ready", 442)
    assert DatasetVersion.objects.get().column_count == 10
    assert patients.keep_suggested_rules()
    assert patients.check()["status"] == "passed"
    pairs, found = patients.correlations(method="spearman")
    names = found["features"]
    assert pairs[names[4], names[5]] > 0.8  # total and low-density cholesterol
    assert pairs[names[6], names[7]] < -0.7  # high-density, and the ratio to it
