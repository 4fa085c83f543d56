import re

from django.conf import settings

NAME = re.compile(r"\b(?:MLOPS_[A-Z_0-9]+|DATABASE_URL)\b")
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
