"""Messy tables that installed packages bring along: from the upload to each cell."""

import csv
import json
from pathlib import Path

import airportsdata
import numpy as np
import pytest
import sklearn.datasets
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.datasets.conftest import DATASETS

pytestmark = pytest.mark.django_db
NUMPY = Path(np.__file__).parent
SINES = NUMPY / "_core/tests/data/umath-validation-set-sin.csv"
RANDOM = NUMPY / "random/tests/data/mt19937-testset-1.csv"
CANCER = Path(sklearn.datasets.__file__).parent / "data/breast_cancer.csv"
CITIES = Path(airportsdata.__file__).with_name("iata_macs.csv")


@pytest.fixture
def scientist(api, data_dir):
    return api("data scientist")


def made(client, path, **options):
    file = SimpleUploadedFile(path.name, path.read_bytes())
    body = {"name": "table", "file": file, "options": json.dumps(options)}
    return client.post(DATASETS, body, format="multipart")


def rows_of(client, count):
    found = []
    for offset in range(0, count, 1000):
        query = {"limit": 1000, "offset": offset}
        found += client.get(f"{DATASETS}/table/rows", query).json()["rows"]
    return [list(row.values()) for row in found]


def test_hexadecimal_numbers_between_comments_stay_as_they_are(scientist):
    answer = made(scientist, SINES, comment="#")

    lines = [line for line in SINES.read_text().splitlines() if line[:1] != "#"]
    wanted = list(csv.reader(lines))[1:]
    kept = rows_of(scientist, len(wanted))
    assert answer.status_code == 201, answer.json()
    assert answer.json()["schema"]["input"] == "VARCHAR"
    assert [[str(cell) for cell in row] for row in kept] == wanted


def test_numbers_of_64_bits_in_hexadecimal_after_spaces_stay(scientist):
    answer = made(scientist, RANDOM)

    wanted = list(csv.reader(RANDOM.read_text().splitlines()))
    assert answer.json()["row_count"] == len(wanted) - 1
    kept = rows_of(scientist, len(wanted))
    assert list(answer.json()["schema"]) == ["seed", "0xdeadbeaf"]
    assert [[str(a), b] for a, b in kept] == wanted[1:]


def test_a_line_of_counts_above_the_rows_is_refused_or_skipped(scientist):
    refused = made(scientist, CANCER)
    answer = made(scientist, CANCER, skip_lines=1, has_header=False)

    assert "first line has 4 cells but most rows have 31" in refused.json()["detail"]
    wanted = np.loadtxt(CANCER, delimiter=",", skiprows=1)
    assert answer.json()["row_count"] == len(wanted) == 569
    assert (np.array(rows_of(scientist, 569)) == wanted).all()


def test_names_of_cities_with_accents_and_wholly_quoted_cells_stay(scientist):
    answer = made(scientist, CITIES)

    with CITIES.open(encoding="utf-8", newline="") as file:
        header, *wanted = csv.reader(file)
    assert list(answer.json()["schema"]) == header
    kept = rows_of(scientist, len(wanted))
    assert [[cell or "" for cell in row] for row in kept] == wanted


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_the_same_table_in_another_encoding_is_the_same_content(scientist, encoding):
    made(scientist, CITIES)
    text = CITIES.read_text(encoding="utf-8").encode(encoding)
    # Its one word beyond ASCII shows no encoding.
    options = {"encoding": encoding} if encoding == "cp1252" else {}

    again = scientist.post(
        f"{DATASETS}/table/versions",
        {
            "file": SimpleUploadedFile("cities.csv", text),
            "options": json.dumps(options),
        },
        format="multipart",
    )

    assert (again.status_code, again.json()["version"]) == (200, 1)
