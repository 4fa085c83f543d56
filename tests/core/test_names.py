"""Names: one spelling each, and nothing in them that is not seen."""

import re

import pytest

from mlops.core import names
from mlops.core.errors import Invalid


@pytest.mark.parametrize(
    "name", ["churn", "가격 예측", "prix-été", "v1.2+build", "模型_2", "😀"]
)
def test_name_that_people_can_read_is_kept(name):
    assert names.clean(name, field="name") == name


def test_name_has_one_spelling():
    assert names.clean("  cafe\u0301 ", field="name") == "caf\u00e9"


@pytest.mark.parametrize(
    "unseen",
    [
        "\x00",
        "\n",
        "\x7f",
        "\u00ad",
        "\u200b",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\u061c",
        "\u200f",
        "\u202e",
        "\u2066",
        "\u2028",
        "\u3164",
        "\U000e0041",
    ],
)
def test_character_that_is_not_seen_is_refused_by_its_number(unseen):
    with pytest.raises(Invalid, match=f"U\\+{ord(unseen):04X}") as refused:
        names.clean(f"chu{unseen}rn", field="model_name")

    assert refused.value.field == "model_name"


@pytest.mark.parametrize("name", ["", "  ", ".", "..", "a/b", "a:b", "a\\b"])
def test_name_that_would_break_a_path_is_refused(name):
    with pytest.raises(Invalid):
        names.clean(name, field="name")


def is_clean(text):
    try:
        names.clean(text, field="name")
    except Invalid:
        return False
    return True


def test_pattern_of_the_document_takes_what_is_a_name():
    surrogates = range(0xD800, 0xE000)
    texts = [f"a{chr(code)}b" for code in range(0x10000) if code not in surrogates]
    texts += ["", " ", ".", "..", " .. ", "...", ".a", "a.", " a b ", "a", "\ta\n", "/"]

    pattern = re.compile(names.PATTERN)
    differing = [text for text in texts if is_clean(text) != bool(pattern.search(text))]

    assert differing == []
