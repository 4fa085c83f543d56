import json
import time

import pytest

from lifecycle.models import Experiment

pytestmark = [pytest.mark.urls("tests.core.urls"), pytest.mark.django_db]


def send(api, body, content_type="application/json"):
    return api("data scientist").generic(
        "POST", "/notes", body, content_type=content_type
    )


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "valid JSON"),
        (b'{"name": "a", "name": "b"}', "'name' is given twice"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name": -Infinity}', "Infinity"),
        (b'{"name": 1e999}', "too large"),
        (b'{"name": "a\\u0000b"}', "NUL"),
        (b'{"name": "\\ud800"}', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'{"name": "\xff"}', "UTF-8"),
        (b"[" * 100 + b"]" * 100, "nested"),
        (b"[" * 100_000, "nested"),
        (b'{"name": ' + b"9" * 5000 + b"}", "valid JSON"),
    ],
)
def test_doubtful_json_is_400_and_says_why(api, body, word):
    answer = send(api, body)

    assert answer.status_code == 400
    assert word in answer.json()["detail"]
    assert Experiment.objects.count() == 0


def test_repeated_key_among_a_hundred_thousand_is_found_at_once(api):
    many = ",".join(f'"{number}":1' for number in range(100_000))
    started = time.process_time()

    answer = send(api, f'{{{many},"x":1,"x":2}}'.encode())

    assert "'x' is given twice" in answer.json()["detail"]
    assert time.process_time() - started < 20  # in quadratic time: minutes


def test_escaped_backslash_before_u0000_is_fine(api):
    answer = send(api, json.dumps({"name": "a\\u0000"}).encode())

    assert answer.status_code == 201


def test_whole_number_that_no_answer_could_show_is_422(api):
    answer = send(api, b'{"name": ' + b"9" * 40 + b"}")

    assert answer.status_code == 422
    assert "64 bits" in answer.json()["detail"]
    assert answer.json()["errors"][0]["loc"] == ["body", "name"]


def test_name_made_of_digits_is_no_position(api):
    answer = send(api, b'{"' + b"7" * 5000 + b'": ' + b"9" * 40 + b"}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "7" * 5000]


def test_place_of_what_cannot_be_stored_is_named(api):
    answer = send(api, b'{"tags": [{"name": "a"}, {"name": "\\u0000"}]}')

    assert answer.json()["detail"] == "The body holds a NUL character at 'tags.1.name'."


def test_body_above_the_limit_is_413(api, settings):
    settings.MAX_BODY_BYTES = 100

    answer = send(api, json.dumps({"name": "x" * 100}).encode())

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_announced_length_above_the_limit_is_413_before_reading(api, settings):
    settings.MAX_UPLOAD_BYTES = 10

    answer = send(api, b"x" * (2**20 + 11), "multipart/form-data; boundary=x")

    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["text/xml", "application/x-www-form-urlencoded", "x"])
def test_body_of_another_kind_is_415(api, kind):
    assert send(api, b"name=a", kind).status_code == 415


def test_unknown_field_is_422_and_named(api):
    answer = send(api, b'{"name": "a", "owner": "me"}')

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "owner"]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"true"])
def test_body_that_is_no_object_is_422(api, body):
    assert send(api, body).status_code == 422


def test_database_limits_are_422_and_never_500(api):
    answer = api("data scientist").get("/notes/" + "9" * 30)

    assert answer.status_code in {404, 422}
