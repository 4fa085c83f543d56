"""The benchmarks start what the product starts, and ask it what clients ask."""

from bench.serving import load, servers


def test_a_measured_model_process_answers_every_call(tmp_path, monkeypatch):
    monkeypatch.setattr(load.shutil, "which", lambda name: None)

    with servers.child(tmp_path) as port:
        found = load.measure(
            port, servers.PATH, servers.body(), connections=2, seconds=1
        )

    assert found.rps > 0
    assert found.errors == 0
