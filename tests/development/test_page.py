"""The page for developers says what is: layers, processes, files."""

import re
import tomllib

import grimp
import pytest
from django.core.management import get_commands

from tests.development.page import (
    BASE,
    CODE,
    PAGE,
    layers,
    pattern_of,
    picture,
    processes,
    walks,
)

CONTRACTS = tomllib.loads((BASE / "pyproject.toml").read_text())["tool"]["importlinter"]
PACKAGES = CONTRACTS["root_packages"]


@pytest.fixture(scope="module")
def imports():
    return grimp.build_graph(
        *PACKAGES,
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def test_the_layers_drawn_are_those_of_the_contract():
    stacked = next(one for one in CONTRACTS["contracts"] if one["type"] == "layers")

    assert layers() == [line.split(" | ") for line in stacked["layers"]]


def test_no_import_goes_up_in_the_drawing(imports):
    level = {name: number for number, row in enumerate(layers()) for name in row}

    def level_of(module):
        return next((level[part] for part in parents(module) if part in level), None)

    upward = [
        (importer, imported)
        for importer in imports.modules
        for imported in imports.find_modules_directly_imported_by(importer)
        if None not in (level_of(importer), level_of(imported))
        and level_of(importer) > level_of(imported)
    ]
    assert upward == []


def parents(module):
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


@pytest.mark.parametrize("row", processes(), ids=lambda row: row[0])
def test_a_process_runs_the_code_that_the_table_names(imports, row):
    _, _, code, knows_django = row
    (module,) = CODE.findall(code)

    loaded = imports.find_upstream_modules(module) | {module}

    assert ("django" in loaded) == (knows_django == "yes")


def test_commands_of_the_table_exist():
    started = " ".join(command for _, command, _, _ in processes())
    named = set(re.findall(r"manage\.py (\w+)", started))

    assert named
    assert named <= set(get_commands())


def test_the_picture_shows_each_process_and_folder_that_is_told_of():
    shown = picture()
    folders = set(re.findall(r"\b([a-z]+)/", shown)) - {"wake"}
    operations = (BASE / "docs" / "operations.md").read_text()

    assert {row[0].partition(":")[0].split()[0] for row in processes()} <= set(
        re.findall(r"[|+] (\w+)", shown)
    )
    assert {name for name in folders if f"`{name}/`" not in operations} == set()


@pytest.mark.parametrize("walk", walks())
def test_files_that_a_walk_touches_are_there(walk):
    named = walks()[walk]

    assert named
    for name in named:
        assert list(BASE.glob(pattern_of(name))), name


def test_links_of_the_page_lead_somewhere():
    targets = re.findall(r"\]\(([^)#:]+)[^)]*\)", PAGE)

    assert [t for t in targets if not (BASE / "docs" / t).exists()] == []
