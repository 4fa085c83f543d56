import re

import yaml
from django.conf import settings

from mlops import env

NAME = re.compile(r"\b(?:(?:MLOPS|OTEL)_[A-Z_0-9]+|DATABASE_URL)\b")
CALL = re.compile(r"env\.\w+\(\s*\"([A-Z_0-9]+)\"")
FOLDERS = ("mlops", "datasets", "lifecycle", "deployments")


def read_in_code():
    """Return the variables that any of our modules reads through `mlops.env`."""
    return {
        name
        for folder in FOLDERS
        for file in (settings.BASE_DIR / folder).rglob("*.py")
        for name in CALL.findall(file.read_text())
    }


def in_readme_table():
    lines = (settings.BASE_DIR / "README.md").read_text().splitlines()
    return {
        name for line in lines if line.startswith("|") for name in NAME.findall(line)
    }


def test_readme_lists_every_variable_that_is_read():
    assert read_in_code() - in_readme_table() == set()


def test_names_of_settings_are_those_that_are_read():
    assert {name for name in read_in_code() if name.startswith("MLOPS_")} == env.NAMES


def test_readme_lists_no_variable_that_nobody_reads():
    unread = in_readme_table() - read_in_code()

    sources = "\n".join(
        file.read_text()
        for folder in FOLDERS
        for file in (settings.BASE_DIR / folder).rglob("*.py")
    )
    assert {name for name in unread if name not in sources} == set()


def test_only_settings_read_the_environment():
    for folder in FOLDERS:
        for file in (settings.BASE_DIR / folder).rglob("*.py"):
            if file.name not in {"settings.py", "shared_settings.py", "env.py"}:
                assert not CALL.search(file.read_text()), file


def not_for_compose():
    """Return the variables of which the docs say that compose does not pass them."""
    text = (settings.BASE_DIR / "docs/operations.md").read_text()
    (said,) = re.findall(
        r"^`compose\.yaml` passes .*?\n\n", text, re.DOTALL | re.MULTILINE
    )
    return set(NAME.findall(said.partition("Not passed:")[2]))


def programs():
    services = yaml.safe_load((settings.BASE_DIR / "compose.yaml").read_text())[
        "services"
    ]
    return {name: one for name, one in services.items() if name != "db"}


def test_compose_passes_every_variable_or_the_docs_say_why_not():
    for name, program in programs().items():
        passed = NAME.findall(" ".join(program["environment"]))

        unsaid = in_readme_table() - set(passed)
        assert unsaid == not_for_compose() - {"MLOPS_STORAGE_FOLDERS"}, name


def test_compose_sets_no_variable_that_nobody_reads():
    for program in programs().values():
        passed = set(NAME.findall(" ".join(program["environment"])))

        assert passed <= in_readme_table()


def test_what_compose_passes_without_a_value_has_no_value_there():
    """An empty value would not be the default: of a number it is refused."""
    for program in programs().values():
        empty = {name for name, value in program["environment"].items() if value == ""}

        assert empty == set()
