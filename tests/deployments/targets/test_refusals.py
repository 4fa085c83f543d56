"""Models that cannot be served end in a sentence, whatever they do to the process."""

import dataclasses
import os

import onnx
import orjson
import pandas
import pytest
import skops.io
import xgboost
from sklearn.preprocessing import FunctionTransformer

from deployments.serving.supervisor import examination
from deployments.serving.terms import TargetRefused
from tests.deployments.targets import models
from tests.deployments.targets.waiting import until


@pytest.fixture
def refusal(local):
    """Return why a spec is refused."""

    def ask(spec) -> str:
        with pytest.raises(TargetRefused) as caught:
            until(lambda: local.validate(spec))
        return str(caught.value)

    return ask


def test_a_missing_file(refusal, made):
    spec = made()
    spec.file.path.unlink()

    assert "missing" in refusal(spec)


def test_a_link_is_not_followed(refusal, made, tmp_path):
    spec = made()
    link = tmp_path / "link"
    link.symlink_to(spec.file.path)

    assert "cannot be read" in refusal(made(file=replaced(spec, path=link)))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_folder_or_a_pipe_in_its_place_does_not_hang(refusal, made, tmp_path, make):
    path = tmp_path / "odd"
    make(path)

    assert "regular file" in refusal(made(file=replaced(made(), path=path)))


def test_a_truncated_file(refusal, made):
    spec = made()
    os.truncate(spec.file.path, spec.file.size_bytes - 1)

    assert "changed or damaged" in refusal(spec)


def test_a_changed_byte_fails_the_checksum(refusal, made):
    spec = made()
    with spec.file.path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")

    assert "checksum" in refusal(spec)


def test_an_empty_file(refusal, made):
    assert "empty" in refusal(made(b""))


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04junk", b"\x00" * 100])
def test_an_unknown_format_is_named_with_the_known_ones(refusal, made, content):
    assert "ONNX, skops, XGBoost" in refusal(made(content))


def test_a_pickle_is_refused_unread_unless_code_is_allowed(refusal, made, tmp_path):
    mark = tmp_path / "ran"
    content = models.evil_bytes(f"open({str(mark)!r}, 'w')")

    assert "an admin" in refusal(made(content))
    assert not mark.exists()


def test_a_crash_while_loading_names_the_signal(refusal, made):
    content = models.evil_bytes("import os; os.kill(os.getpid(), 11)")

    assert "SIGSEGV" in refusal(made(content, allows_code=True))


@pytest.mark.parametrize("said", ["{", "[]", '{"platform": 1}'])
def test_a_process_that_reports_nonsense_is_refused(refusal, made, said):
    code = (
        "import os, contextlib\n"
        "for pipe in range(3, 64):\n"
        "    with contextlib.suppress(OSError):\n"
        f"        os.write(pipe, {said.encode()!r})\n"
        "os._exit(0)"
    )
    spec = made(models.evil_bytes(code), allows_code=True)

    assert "nonsense" in refusal(spec)


def test_a_model_of_thousands_of_inputs_is_described_whole(local, made):
    spec = made(models.wide_bytes(inputs=3000))

    found = until(lambda: local.validate(spec))

    assert len(found.inputs) == 3000  # more than a pipe holds at once


def test_a_model_that_hangs_is_given_up(refusal, made, monkeypatch):
    monkeypatch.setattr(examination, "LIMIT_S", 1.0)
    content = models.evil_bytes("import time; time.sleep(600)")

    assert "hangs" in refusal(made(content, allows_code=True))


def test_a_model_larger_than_its_memory(refusal, made):
    content = models.evil_bytes("x = bytearray(1 << 30)")
    spec = made(content, allows_code=True, memory_bytes=256 << 20)

    assert "too little memory to load the model" in refusal(spec)


def test_weights_in_another_file_are_refused(refusal, made):
    model = onnx.load_from_string(models.onnx_bytes())
    weights = model.graph.initializer.add()
    weights.name, weights.data_type = "stolen", onnx.TensorProto.UINT8
    weights.dims.append(10)
    weights.data_location = onnx.TensorProto.EXTERNAL
    location = weights.external_data.add()
    location.key, location.value = "location", "/etc/passwd"

    assert "/etc/passwd" in refusal(made(model.SerializeToString()))


def test_a_locale_that_is_not_here_is_named(refusal, made):
    said = refusal(made(models.lower_bytes("xx_YY")))

    assert "the locale 'xx_YY', which this machine does not have" in said


def test_custom_operators_are_refused(refusal, made):
    model = onnx.load_from_string(models.onnx_bytes())
    model.opset_import.add(domain="com.evil", version=1)

    assert "custom operators" in refusal(made(model.SerializeToString()))


def test_an_unlisted_type_in_a_skops_file_is_named(refusal, made):
    content = skops.io.dumps(FunctionTransformer(os.getcwd))

    assert "allow-list: posix.getcwd" in refusal(made(content))


@pytest.mark.parametrize("words", [["seoul", "대구"], ["éa", "b"], ["a", "é"]])
def test_xgboost_words_of_which_the_file_has_pieces(refusal, made, words):
    rows = pandas.DataFrame({"town": pandas.Categorical(words * 20)})
    booster = xgboost.train(
        {"verbosity": 0}, xgboost.DMatrix(rows, [1, 2] * 20, enable_categorical=True), 2
    )

    sentence = refusal(made(bytes(booster.save_raw("ubj"))))

    assert "the column 'town' has others" in sentence


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_half_an_xgboost_file(refusal, made, form):
    content = models.xgboost_bytes(form)

    assert "XGBoost" in refusal(made(content[: len(content) // 2]))


def test_a_lightgbm_file_without_all_of_its_trees(refusal, made):
    content = models.lightgbm_bytes()
    end = content.index(b"end of trees")

    assert "cut off" in refusal(made(content[: end - 20]))


def golden(tmp_path, label, **fields):
    rows = models.iris()[0][:1]
    path = tmp_path / "golden.json"
    tensor = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": rows.tolist()}
    answer = {"name": "label", "shape": [1], "datatype": "INT64", "data": [label]}
    path.write_bytes(orjson.dumps({"inputs": [tensor], "outputs": [answer], **fields}))
    return path


def test_golden_rows_that_differ_are_shown(refusal, made, tmp_path):
    spec = made(file=replaced(made(), golden=golden(tmp_path, 2)))

    assert "is 0, but 2 is stored" in refusal(spec)


def test_golden_rows_that_agree_are_counted(local, made, tmp_path):
    spec = made(file=replaced(made(), golden=golden(tmp_path, 0)))

    assert until(lambda: local.validate(spec)).golden_rows == 1


def test_golden_rows_of_another_model_are_refused(refusal, made, tmp_path):
    path = tmp_path / "golden.json"
    path.write_bytes(b'{"inputs": [{"name": "Y"}], "outputs": []}')

    assert "do not fit" in refusal(made(file=replaced(made(), golden=path)))


def replaced(spec, **fields):
    return dataclasses.replace(spec.file, **fields)
