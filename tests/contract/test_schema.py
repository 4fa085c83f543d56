import json
import re
import shutil
import subprocess
import tomllib

import pytest
from django.conf import settings
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from mlops.core.schema.profiles import SeedGenerator, seed
from mlops.core.schema.walk import operations
from mlops.core.serializers import AnswerSerializer, StrictSerializer

DOCUMENTS = {"default": "openapi.json", "seed": "openapi.seed.json"}
GENERATORS = {"default": SchemaGenerator, "seed": SeedGenerator}
LINT = next(
    (
        lint
        for folder in settings.BASE_DIR.parents
        if (lint := folder / "shared" / "spec" / "check_contract.mjs").exists()
    ),
    None,
)
SIGNED_IN = {"OAuth2PasswordBearer": []}
DOORS = {"authLogin": [], "authRefreshToken": [], "authLogout": [SIGNED_IN, {}]}
GLOSSARY = "mlops/core/schema/glossary.toml"
TIMES = re.compile(r'"format": ?"date-time"')


@pytest.fixture(scope="module")
def documents():
    """Return both documents as the server makes them, as plain JSON."""
    with translation.override("en"):
        return {
            name: json.loads(json.dumps(make().get_schema(request=None, public=True)))
            for name, make in GENERATORS.items()
        }


@pytest.fixture(scope="module")
def document(documents):
    return documents["default"]


@pytest.mark.parametrize("profile", DOCUMENTS)
def test_committed_document_is_what_the_server_answers(documents, profile):
    committed = json.loads(
        (settings.BASE_DIR / "docs" / DOCUMENTS[profile]).read_text()
    )

    assert documents[profile] == committed, "run `make openapi`"


@pytest.mark.parametrize("profile", DOCUMENTS)
def test_document_is_valid_openapi(documents, profile):
    validate_schema(documents[profile])


@pytest.mark.parametrize("profile", DOCUMENTS)
@pytest.mark.skipif(LINT is None or not shutil.which("node"), reason="no lint here")
def test_document_keeps_the_contract_of_the_frontend(documents, profile, tmp_path):
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(documents[profile]))

    result = subprocess.run(
        ["node", LINT, file, "--profile", profile, "--tier", "2"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_documents_are_served_and_equal_in_every_language(client, documents):
    for language in ("en", "ko"):
        answer = client.get(
            "/api/schema/",
            HTTP_ACCEPT="application/vnd.oai.openapi+json",
            HTTP_ACCEPT_LANGUAGE=language,
        )
        assert json.loads(answer.content) == documents["default"]
    answer = client.get("/api/schema/seed/?format=json")
    assert json.loads(answer.content) == documents["seed"]


@pytest.mark.parametrize(
    "form", ["application/vnd.oai.openapi+json", "application/yaml"]
)
def test_document_that_is_known_is_304(client, form):
    path = "/api/schema/" if "json" in form else "/api/schema/seed/"
    first = client.get(path, HTTP_ACCEPT=form)

    again = client.get(path, HTTP_ACCEPT=form, HTTP_IF_NONE_MATCH=first["ETag"])
    other = client.get(path, HTTP_ACCEPT=form, HTTP_IF_NONE_MATCH='"other"')

    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == other["ETag"] == first["ETag"]
    assert (other.status_code, other.content) == (200, first.content)
    assert "Accept" in first["Vary"]


def test_document_says_where_it_is_served(document):
    urls = [server["url"] for server in document["servers"]]

    assert urls == ["/", "http://localhost:8500"]


def test_first_tag_of_an_operation_is_its_own_and_ml_is_second(document):
    named = {tag["name"] for tag in document["tags"]}

    for path, method, operation in operations(document):
        own, *others = operation["tags"]
        assert own != "ML", (method, path)
        assert others in ([], ["ML"]), (method, path)
        assert named >= {own, *others}


def test_no_closed_word_has_a_length(document):
    assert not [
        part
        for part in dictionaries(document)
        if "enum" in part and {"minLength", "maxLength"} & set(part)
    ]


def dictionaries(node):
    if isinstance(node, dict):
        yield node
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list):
            yield from dictionaries(value)


def test_method_names_of_a_class_are_words_and_unique(document):
    seen = set()
    for path, method, operation in operations(document):
        summary = operation.get("summary", "")
        assert re.fullmatch(r"[A-Z][A-Za-z]*( [A-Z][A-Za-z]*)*", summary), (
            method,
            path,
        )
        for tag in operation["tags"]:
            assert (tag, summary.lower()) not in seen, (tag, summary)
            seen.add((tag, summary.lower()))


def test_operation_ids_are_unique_and_no_name_of_a_type(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    schemas = {name.lower() for name in document["components"]["schemas"]}

    assert len(ids) == len(set(ids))
    for suffix in ("data", "errors", "response", "responses"):
        assert not {f"{one.lower()}{suffix}" for one in ids} & schemas


def test_every_operation_says_how_it_fails_and_who_may_ask(document):
    for path, method, operation in operations(document):
        answers = operation["responses"]
        assert {"400", "401", "403", "422", "429"} <= set(answers), (method, path)
        assert [code for code in answers if code.startswith("2")], (method, path)
        needed = DOORS.get(operation["operationId"], [SIGNED_IN])
        assert operation.get("security", []) == needed, (method, path)


def test_times_are_plain_strings_in_every_answer(document):
    for _path, _method, operation in operations(document):
        for answer in operation["responses"].values():
            assert not TIMES.search(json.dumps(_resolved(document, answer)))


def test_no_limit_of_a_column_shows(document):
    text = json.dumps(document)

    for limit in (2**15 - 1, 2**31 - 1, 2**63 - 1):
        assert f": {limit}" not in text


def test_free_maps_take_any_value(document):
    """`extend_schema_field` on a class of DRF's would describe all of its fields."""
    schemas = document["components"]["schemas"]

    for name in ("ExperimentCreate", "ExperimentResponse"):
        anything = schemas[name]["properties"]["metadata"]["additionalProperties"]
        assert set(anything) <= {"description"}


def test_seed_document_differs_in_two_places_only(documents):
    assert documents["seed"] == seed(documents["default"])
    default, other = documents["default"]["paths"], documents["seed"]["paths"]
    assert {path.replace("experiment_id", "name") for path in other} == set(default)
    schemas = documents["seed"]["components"]["schemas"]
    changed = {
        name
        for name, schema in documents["default"]["components"]["schemas"].items()
        if schemas[name] != schema
    }
    assert changed == {"DeploymentStatus"}


def _resolved(document, node, seen=frozenset()):
    """Return the node with its references followed once each."""
    if isinstance(node, list):
        return [_resolved(document, part, seen) for part in node]
    if not isinstance(node, dict):
        return node
    name = node.get("$ref")
    if name is None:
        return {key: _resolved(document, value, seen) for key, value in node.items()}
    if name in seen:
        return {}
    _, _, kind, key = name.split("/")
    return _resolved(document, document["components"][kind][key], seen | {name})


def test_no_description_speaks_of_our_base_classes(document):
    schemas = document["components"]["schemas"].values()
    said = {schema.get("description") for schema in schemas}

    assert said.isdisjoint({StrictSerializer.__doc__, AnswerSerializer.__doc__})


# Words that say nothing by themselves.
EMPTY = {
    "a",
    "an",
    "and",
    "are",
    "as",
    "at",
    "by",
    "for",
    "from",
    "has",
    "have",
    "in",
    "is",
    "it",
    "its",
    "of",
    "on",
    "or",
    "the",
}


def words(text):
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
    return {word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", parts)} - EMPTY


def repeats(name, description):
    """Say whether a description says nothing that the name does not."""
    return words(description) <= words(name)


def descriptions(document):
    """Yield where a description stands, what it is about, and its text."""
    for tag in document["tags"]:
        yield "tag", tag["name"], tag.get("description", "")
    for _path, _method, operation in operations(document):
        name = operation["operationId"]
        yield "operation", name, operation.get("description", "")
        for one in operation.get("parameters", []):
            yield name, one["name"], one.get("description", "")
    for name, schema in document["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            yield name, field, part.get("description", "")


def test_every_operation_tag_parameter_and_field_says_more_than_its_name(document):
    said = descriptions(document)

    assert [(where, name) for where, name, text in said if repeats(name, text)] == []


@pytest.mark.parametrize("text", ["", "The run id.", "Run Ids of the run"])
def test_description_that_repeats_a_name_is_none(text):
    assert repeats("run_id", text)
    assert not repeats("run_id", "The run, by the text that its client chose.")


def test_glossary_has_nothing_that_the_document_does_not_need(document):
    found = tomllib.loads((settings.BASE_DIR / GLOSSARY).read_text())
    schemas = document["components"]["schemas"]
    fields = {
        name
        for schema, whole in schemas.items()
        for field in whole.get("properties", {})
        for name in (field, f"{schema}.{field}")
    }

    assert set(found["fields"]) <= fields
