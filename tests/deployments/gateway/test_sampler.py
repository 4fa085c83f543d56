"""Which requests a gateway keeps, and that it keeps within its bounds."""

import asyncio
import json

import pytest

from deployments.serving.gateway import sampler
from deployments.serving.gateway.sampler import Sampler
from tests.deployments.gateway.process import GatewayProcess, reply, route
from tests.deployments.targets.waiting import until


def spooled(folder):
    lines = []
    for path in sorted(folder.glob("*.jsonl")):
        lines += path.read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def keeper(tmp_path):
    return Sampler(tmp_path / "spool", "g1")


def refuses_odd(server, connection, request):
    status = 400 if b"odd" in request else 200
    return reply(connection, status=status)


def test_what_a_model_answered_is_kept_and_nothing_else(slot, data_dir):
    here = slot(refuses_odd)
    route(data_dir, here.model, {"deployment_id": here.id}, sample_rate=1.0)
    own = GatewayProcess(data_dir)
    try:
        own.post(here.infer, {"a": "one"})
        own.post(here.infer, {"a": "odd"})
        own.post(here.infer, {"a": "no key"}, key="wrong")
        own.post(f"/serving/_d/{here.id}/v2/models/m/infer", {"a": "direct"})
        own.get(f"{here.base}/v2")
        own.post(here.infer, {"a": "two"})
        own.post(here.base, {"instances": [1]})
    finally:
        own.close()

    kept = spooled(data_dir / "samples" / "spool")
    kept.sort(key=lambda entry: entry["at"])  # two processes wrote them
    assert [json.loads(entry["body"]) for entry in kept] == [
        {"a": "one"},
        {"a": "two"},
        {"instances": [1]},
    ]
    assert {entry["deployment"] for entry in kept} == {here.id}


def test_with_no_share_to_keep_there_is_no_folder(slot, gateway, data_dir, tmp_path):
    here = slot()
    gateway.post(here.infer, {})
    until(lambda: gateway.counted().get(here.id))

    assert here.id not in {e["deployment"] for e in spooled(data_dir / "samples/spool")}


def test_the_share_is_what_was_asked_for(keeper, tmp_path):
    for _ in range(4000):
        keeper.offer("d", 0.25, b"{}")
    keeper.close()

    assert 800 < len(spooled(tmp_path / "spool")) < 1200


def test_large_bodies_and_too_many_are_not_kept(keeper, tmp_path):
    keeper.offer("d", 1.0, b"x" * (sampler.MAX_BODY_BYTES + 1))
    for _ in range(100):
        keeper.offer("d", 1.0, b"x" * sampler.MAX_BODY_BYTES)
    asyncio.run(keeper.spool())

    kept = spooled(tmp_path / "spool")
    assert len(kept) == sampler.MAX_PENDING_BYTES // sampler.MAX_BODY_BYTES


def test_files_and_spool_stay_below_their_limits(keeper, tmp_path, monkeypatch):
    monkeypatch.setattr(sampler, "MAX_FILE_BYTES", 2000)
    for _ in range(100):
        keeper.offer("d", 1.0, b"x" * 200)
        asyncio.run(keeper.spool())
    files = list((tmp_path / "spool").glob("*"))
    assert files
    assert all(path.stat().st_size <= 2000 for path in files)

    monkeypatch.setattr(sampler, "MAX_SPOOL_BYTES", 100)
    other = Sampler(tmp_path / "spool", "g2")
    other.offer("d", 1.0, b"{}")
    other.close()
    assert sorted((tmp_path / "spool").glob("*")) == sorted(files)


def test_only_this_user_may_read_what_is_kept(keeper, tmp_path):
    keeper.offer("d", 1.0, b"{}")
    keeper.close()

    (path,) = (tmp_path / "spool").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_disk_that_takes_nothing_holds_up_nobody(tmp_path):
    (tmp_path / "spool").write_text("a file where the folder should be")
    keeper = Sampler(tmp_path / "spool", "g1")
    keeper.offer("d", 1.0, b"{}")

    asyncio.run(keeper.spool())
