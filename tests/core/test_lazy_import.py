"""A module that is imported when something of it is used."""

import subprocess
import sys

import pytest

from mlops.lazy_import import lazy_import

SCRIPT = """
import sys
from mlops.lazy_import import lazy_import
minidom = lazy_import("xml.dom.minidom")
xml = lazy_import("xml", "xml.sax")
before = "xml" in sys.modules
minidom.Document
xml.sax
print(before, "xml.dom.minidom" in sys.modules, "xml.sax" in sys.modules)
"""


def test_it_is_imported_at_its_first_use_with_the_submodules_named():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "True", "True"]


def test_what_was_used_once_is_an_attribute_of_the_stand_in():
    decimal = lazy_import("decimal")

    first = decimal.Decimal

    assert vars(decimal)["Decimal"] is first is sys.modules["decimal"].Decimal
    assert repr(decimal) == "<lazy module 'decimal'>"


def test_what_the_module_has_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Nothing"):
        lazy_import("decimal").Nothing  # noqa: B018
