"""Texts with NUL are stored on both databases and come back as they were."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.core.models.nul_safe import (
    NulSafeDecoder,
    NulSafeEncoder,
    NulSafeJSONField,
    NulSafeTextField,
)

TEXTS = st.text(st.sampled_from('\x00\ue0000 1\\u"é'), max_size=12)
VALUES = st.recursive(
    TEXTS | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)


@given(VALUES)
def test_every_json_value_comes_back_and_no_nul_is_stored(value):
    stored = json.dumps(value, cls=NulSafeEncoder)

    assert json.loads(stored, cls=NulSafeDecoder) == value
    # As jsonb gives it back: characters instead of escapes.
    as_jsonb = json.dumps(json.loads(stored), ensure_ascii=False)
    assert "\\u0000" not in as_jsonb.replace("\\\\", "")
    assert json.loads(as_jsonb, cls=NulSafeDecoder) == value


@given(TEXTS)
def test_every_text_comes_back(text):
    field = NulSafeTextField()

    stored = field.get_prep_value(text)

    assert "\x00" not in stored
    assert field.from_db_value(stored, None, None) == text


def test_a_text_without_nul_is_stored_as_it_is():
    plain = {"name": ["Zürich", "0 1"]}

    assert json.dumps(plain, cls=NulSafeEncoder) == json.dumps(plain)
    assert NulSafeTextField().get_prep_value("Zürich") == "Zürich"


def test_rows_of_before_are_read_as_they_are():
    assert json.loads('{"a\\u0000b": 1}', cls=NulSafeDecoder) == {"a\x00b": 1}
    assert NulSafeTextField().from_db_value("a\x00b", None, None) == "a\x00b"


@pytest.mark.parametrize("field", [NulSafeJSONField(default=dict), NulSafeTextField()])
def test_migrations_name_the_field_alone(field):
    _, _, _, options = field.deconstruct()

    assert options.keys() <= {"default"}
