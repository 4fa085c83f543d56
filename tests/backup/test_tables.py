"""Every table is carried, or named with the reason why it is not."""

from django.apps import apps

from mlops.backup.cells import KINDS, kind_of
from mlops.backup.registration import listings
from mlops.backup.tables import LEFT_OUT, carried, columns, is_table, label
from mlops.core.byte_store import PINNED


def test_every_model_is_carried_or_left_out_with_a_reason():
    tables = {label(one) for one in apps.get_models(include_auto_created=True)}

    assert LEFT_OUT.keys() <= tables
    assert all(LEFT_OUT.values())
    assert {label(one) for one in carried()} == tables - LEFT_OUT.keys()
    assert all(map(is_table, carried()))


def test_no_carried_row_refers_to_one_that_is_left_out():
    for model in carried():
        for field in columns(model):
            if field.is_relation:
                assert label(field.related_model) not in LEFT_OUT, field


def test_every_column_has_a_type_that_chunks_know():
    kinds = {kind_of(field) for model in carried() for field in columns(model)}

    assert kinds <= KINDS


def test_files_that_are_carried_are_pinned():
    assert listings()
    assert all(prefix.startswith(PINNED) for prefix in listings())
