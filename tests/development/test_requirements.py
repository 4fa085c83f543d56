"""What is installed is what was locked, by its digests, and all may use it."""

import json
import re
import subprocess
from importlib.metadata import distribution, metadata, version

import pytest
from packaging.requirements import Requirement

from tests.development.page import BASE
from tests.locking import MLFLOW_UI, PRODUCT, SBOM, TESTS, entries

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT"),
    *("MIT-0", "PSF-2.0", "Zlib"),
}
# Weak copyleft, used unchanged as libraries: `docs/dependencies.md` names each.
NAMED = {"LGPL-3.0-only": {"psycopg", "psycopg-binary"}, "MPL-2.0": {"orjson"}}
# As authors wrote them before there were expressions.
WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "MIT License MIT": "MIT",
    "The MIT License MIT": "MIT",
}
FILES = pytest.mark.parametrize(
    "path", [PRODUCT, TESTS, MLFLOW_UI, SBOM], ids=lambda path: path.stem
)


def installed(path):
    """Yield the pins of a file that hold on this machine."""
    for pin in entries(path.read_text()):
        one = Requirement(pin)
        if one.marker is None or one.marker.evaluate():
            yield one


def licences(name):
    """Return the licences that a package gives itself, as SPDX writes them."""
    told = metadata(name)
    named = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier", [])
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    text = (
        told.get("License-Expression")
        or " OR ".join(named)
        or told.get("License")
        or title_of(name)
    )
    terms = re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", "", text))
    return {WORDS.get(term, term) for term in terms}


def title_of(name):
    """Return the first line of the licence's own text."""
    files = [one for one in distribution(name).files if one.name == "LICENSE"]
    return files[0].read_text().strip().splitlines()[0]


@FILES
def test_every_pin_has_its_digests(path):
    pins = entries(path.read_text())

    assert pins
    for pin, entry in pins.items():
        assert "==" in pin
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), pin


def test_the_tests_file_repeats_no_pin():
    product = {Requirement(pin).name for pin in entries(PRODUCT.read_text())}
    tests = {Requirement(pin).name for pin in entries(TESTS.read_text())}

    assert product & tests == set()


@pytest.mark.parametrize("path", [PRODUCT, TESTS], ids=lambda path: path.parent.name)
def test_what_is_installed_is_what_is_locked(path):
    wrong = {
        str(one): version(one.name)
        for one in installed(path)
        if version(one.name) not in one.specifier
    }

    assert wrong == {}


def test_every_licence_is_permissive_or_named():
    page = (BASE / "docs/dependencies.md").read_text()
    found = {one.name: licences(one.name) for one in installed(PRODUCT)}

    for name, terms in found.items():
        for term in terms - PERMISSIVE:
            assert name in NAMED[term], f"{name}: {term}"
            assert name.removesuffix("-binary") in page


@pytest.mark.parametrize("way", ["make", "image"])
def test_nothing_is_installed_without_its_digest(way):
    text = (BASE / {"make": "Makefile", "image": "Dockerfile"}[way]).read_text()
    installs = re.findall(r"pip install .*?-r \S+", text.replace("\\\n", " "))

    assert installs
    assert [one for one in installs if "--require-hashes" not in one] == []


@pytest.mark.slow
def test_the_bill_of_materials_names_what_is_installed(tmp_path):
    target = tmp_path / "sbom.json"
    subprocess.run(["make", "sbom", f"SBOM={target}"], cwd=BASE, check=True)

    bill = json.loads(target.read_text())
    told = {
        re.sub(r"[-_.]+", "-", one["name"]).lower(): one["version"]
        for one in bill["components"]
    }
    assert bill["bomFormat"] == "CycloneDX"
    for one in installed(PRODUCT):
        assert told[one.name] == version(one.name)


@pytest.mark.slow
def test_the_source_archive_is_the_same_from_any_clone(tmp_path):
    for name in ("one", "two"):
        clone = ["git", "clone", "-q", "--no-hardlinks", BASE, tmp_path / name]
        subprocess.run(clone, check=True)
        made = ["make", "archive", f"ARCHIVE={tmp_path / name}.tar.gz"]
        subprocess.run(made, cwd=tmp_path / name, check=True)

    one, two = (tmp_path / f"{name}.tar.gz" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert one.stat().st_size > 1_000_000
