"""What an examination reports, whatever the one that reads a model raises."""

import os

import orjson

from deployments.serving.child import examine


class Raising:
    """A source whose library fails as nobody has foreseen."""

    def warm_up(self) -> None:
        return

    def load(self):
        raise UnicodeDecodeError("utf-8", b"\xed", 0, 1, "unexpected end of data")


def test_what_nobody_has_foreseen_is_told_in_words():
    ours, theirs = os.pipe()

    status = examine.run(
        Raising(), lambda: None, {"converts": False}, {"report": theirs}
    )

    with os.fdopen(ours, "rb") as file:
        said = orjson.loads(file.read())
    assert status == 0
    assert said["refused"].startswith("Loading it raised UnicodeDecodeError: 'utf-8'")
