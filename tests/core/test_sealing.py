"""Secrets of hooks are encrypted under a key of their own, made once, kept apart."""

import pytest
from django.conf import settings

from mlops.core import sealing


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "HOOK_KEYS", [])
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path


def test_a_secret_is_closed_and_opened_with_a_key_that_only_we_can_read(folder):
    stored = sealing.close("hush")

    assert "hush" not in stored
    assert sealing.open_closed(stored) == "hush"
    assert (folder / sealing.KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_an_older_key_opens_and_the_newest_closes(folder, monkeypatch):
    stored = sealing.close("hush")
    made = (folder / sealing.KEY_FILE).read_text()
    (folder / sealing.KEY_FILE).write_text(f"{'cd' * 32}\n{made}")

    assert sealing.open_closed(stored) == "hush"
    assert sealing.close("hush").startswith(sealing.key_id(b"\xcd" * 32))


def test_a_missing_key_is_named(folder):
    stored = sealing.close("hush")
    (folder / sealing.KEY_FILE).unlink()

    with pytest.raises(sealing.KeyMissing, match=stored.partition(".")[0]):
        sealing.open_closed(stored)


def test_a_key_of_the_environment_makes_no_file(folder, monkeypatch):
    monkeypatch.setattr(settings, "HOOK_KEYS", [b"k" * 32])

    assert sealing.open_closed(sealing.close("hush")) == "hush"
    assert not (folder / sealing.KEY_FILE).exists()
