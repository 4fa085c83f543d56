import pytest
from django.utils import timezone

from lifecycle.models import Experiment
from tests.core.urls import OverwrittenNoteViewSet

pytestmark = pytest.mark.urls("tests.core.urls")


@pytest.fixture
def note(db):
    return Experiment.objects.create(name="a")


def test_unchanged_answer_is_304_without_a_body(api, note):
    client = api("viewer")
    tag = client.get(f"/notes/{note.pk}")["ETag"]

    answer = client.get(f"/notes/{note.pk}", HTTP_IF_NONE_MATCH=tag)

    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)


def test_changed_answer_is_sent(api, note):
    tag = api("viewer").get(f"/notes/{note.pk}")["ETag"]
    api("admin").patch(f"/notes/{note.pk}", {"description": "new"})

    answer = api("viewer").get(f"/notes/{note.pk}", HTTP_IF_NONE_MATCH=tag)

    assert answer.status_code == 200


def test_answer_that_changed_by_itself_is_sent_though_the_row_did_not(api, note):
    client = api("viewer")
    tag = client.get(f"/notes/{note.pk}")["ETag"]
    Experiment.objects.update(description="derived")

    answer = client.get(f"/notes/{note.pk}", HTTP_IF_NONE_MATCH=tag)

    assert answer.status_code == 200


def test_second_of_two_writers_loses(api, note):
    client = api("admin")
    tag = client.get(f"/notes/{note.pk}")["ETag"]

    first = client.patch(f"/notes/{note.pk}", {"description": "1"}, HTTP_IF_MATCH=tag)
    second = client.patch(f"/notes/{note.pk}", {"description": "2"}, HTTP_IF_MATCH=tag)

    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["code"] == "precondition_failed"
    note.refresh_from_db()
    assert note.description == "1"


def test_tag_of_a_write_opens_the_next(api, note):
    client = api("admin")
    tag = client.patch(f"/notes/{note.pk}", {"description": "1"})["ETag"]

    answer = client.patch(f"/notes/{note.pk}", {"description": "2"}, HTTP_IF_MATCH=tag)

    assert answer.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_tag_of_a_write_does_not_cover_what_another_wrote_since(api, note):
    client, notes = api("admin"), Experiment.objects.filter(pk=note.pk)
    OverwrittenNoteViewSet.overwrite = lambda: notes.update(
        description="theirs", updated_at=timezone.now()
    )
    tag = client.patch(f"/overwritten/{note.pk}", {"description": "mine"})["ETag"]

    answer = client.patch(f"/notes/{note.pk}", {"description": "x"}, HTTP_IF_MATCH=tag)

    assert answer.status_code == 412


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 200),
        (" * ", 200),
        ('"x"', 412),
        ('W/"x" , "y"', 412),
        ('""', 412),
        ("", 400),
        ('W/"', 400),
        ("x", 400),
        ("*, *", 400),
        ('"x" "y"', 400),
        ('"a\u00e9"', 400),
    ],
)
def test_odd_preconditions_have_clear_answers(api, note, header, status):
    answer = api("admin").patch(
        f"/notes/{note.pk}", {"description": "1"}, HTTP_IF_MATCH=header
    )

    assert answer.status_code == status
    assert status != 400 or answer.json()["detail"].startswith("If-Match must be")


@pytest.mark.parametrize(
    ("header", "status"),
    [("*", 304), ('"x"', 200), ("x", 400), ('W/"', 400), ("", 400)],
)
def test_read_is_conditional_by_tags_alone(api, note, header, status):
    answer = api("viewer").get(f"/notes/{note.pk}", HTTP_IF_NONE_MATCH=header)

    assert answer.status_code == status


def test_lists_carry_no_tag(api, note):
    assert "ETag" not in api("viewer").get("/notes")
