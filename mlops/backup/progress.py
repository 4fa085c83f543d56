"""How far a long act is, for whoever watches the terminal."""

import time
from typing import Final, TextIO

_EVERY_S: Final = {True: 0.5, False: 30.0}
"""How often is said how far it is: on a terminal, and in a log."""


class TerminalProgress:
    """Says what is being done, how much of it is done, and when it will be."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self._is_terminal = out is not None and out.isatty()
        self._what, self._total, self._done = "", 0, 0
        self._began_at = self._said_at = time.monotonic()

    def begin(self, what: str, total: int) -> None:
        """Begin a part of the act that takes so many steps or bytes."""
        self._what, self._total, self._done = what, total, 0
        self._began_at = self._said_at = time.monotonic()

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._said_at >= _EVERY_S[self._is_terminal]:
            self._said_at = now
            self._say(self.line(now - self._began_at))

    def end(self) -> None:
        self._say(f"{self._what}: {self._done:,} done")
        if self._is_terminal:
            self._say("\n", is_line=False)

    def line(self, elapsed_s: float) -> str:
        """Return what is said after so many seconds."""
        share = self._done / self._total if self._total else 1.0
        left = elapsed_s / share - elapsed_s if share else 0.0
        return (
            f"{self._what}: {self._done:,} of {self._total:,} ({share:.0%}), "
            f"about {_span(left)} left"
        )

    def _say(self, text: str, *, is_line: bool = True) -> None:
        if self._out is None:
            return
        if is_line:
            text = f"\r{text}\x1b[K" if self._is_terminal else f"{text}\n"
        self._out.write(text)
        self._out.flush()


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
