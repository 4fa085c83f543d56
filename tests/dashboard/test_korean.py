"""Every text for people exists in Korean, compiled, with its placeholders."""

import ast
import gettext
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.utils import translation

from mlops.dashboard.fields import OURS

PACKAGES = ("mlops", "datasets", "lifecycle", "deployments")
LOCALE = Path(settings.BASE_DIR) / "mlops" / "locale" / "ko" / "LC_MESSAGES"
MARKERS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
IN_TEMPLATE = re.compile(r'{%\s*trans(?:late)?\s+"([^"]+)"')
READABLE = re.compile(r"[가-힣]|^(ID|SHA-256)$")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%")


@cache
def compiled() -> dict[str, str]:
    """Return the Korean text of every English one; plurals under their singular."""
    with (LOCALE / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    return {
        key if isinstance(key, str) else key[0]: text for key, text in catalogue.items()
    }


def marked_texts() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        folder = Path(settings.BASE_DIR) / package
        for path in folder.rglob("*.py"):
            yield from ((text, path) for text in _in_code(ast.parse(path.read_text())))
        for path in folder.rglob("*.html"):
            yield from ((text, path) for text in IN_TEMPLATE.findall(path.read_text()))


def _in_code(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in MARKERS
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.args[0].value


def test_every_marked_text_has_a_korean_one():
    missing = {
        f"{path.name}: {text}"
        for text, path in marked_texts()
        if not compiled().get(text)
    }

    assert not missing, "run `make messages`, then fill in what is empty"


def test_placeholders_survive_translation():
    changed = {
        english: korean
        for english, korean in compiled().items()
        if sorted(PLACEHOLDER.findall(english)) != sorted(PLACEHOLDER.findall(korean))
    }

    assert not changed


def test_catalogue_is_compiled_as_it_is_written():
    written = (LOCALE / "django.po").read_text()

    assert "fuzzy" not in written
    assert len(re.findall(r'^msgid "', written, re.MULTILINE)) == len(compiled())
    for korean in filter(None, compiled().values()):
        first = korean.splitlines()[0].replace('"', '\\"')
        assert first in written


def test_every_column_of_ours_has_a_korean_name():
    with translation.override("ko"):
        english = {
            str(field)
            for model in apps.get_models()
            if model._meta.app_label in OURS
            for field in model._meta.fields
            if not READABLE.search(str(field.verbose_name))
        }

    assert not english, "add their names to mlops/dashboard/fields.py"
