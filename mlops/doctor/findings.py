"""What is found: one thing that is wrong, and what would mend it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Ailment(StrEnum):
    """Kinds of what can be wrong."""

    ROW_WITHOUT_FILE = "row without file"
    FILE_WITHOUT_ROW = "file without row"
    OTHER_DIGEST = "digest differs"
    STUCK = "stuck deployment"
    HALF_MADE = "half-made state"
    MIGRATIONS = "missing migrations"
    PERMISSIONS = "wrong permissions"
    CLOCKS = "clocks apart"
    INTERPRETER = "old interpreter"
    DATABASE = "damaged database"


@dataclass(frozen=True, slots=True)
class Mending:
    """What would mend it: said to a person first, done only then.

    `act` looks again, and returns what was done; "" if nothing is wrong any more or it
    must not be done now.
    """

    says: str
    act: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that is wrong: where, what, and what a person can do about it."""

    kind: Ailment
    where: str
    what: str
    advice: str = ""
    mending: Mending | None = None

    def as_json(self) -> dict[str, str | bool]:
        return {
            "kind": str(self.kind),
            "where": self.where,
            "what": self.what,
            "advice": self.advice,
            "can_be_mended": self.mending is not None,
        }
