"""What `manage.py up` prints when everything is up."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.demo.people import address_of
from mlops.demo.story_state import MODEL

WIDTH = 78
EXAMPLE_ROW = (0.004, 0.012, 0.03, 0.15, 0.02, -0.01)
MANAGE = ".venv/bin/python manage.py"


@dataclass(frozen=True, slots=True)
class DemoAddress:
    """Where things are; `serves` says whether the demo's model answers."""

    url: str
    serving_url: str
    folder: str
    serves: bool

    @property
    def endpoint(self) -> str:
        return f"{self.serving_url}/serving/production/{MODEL}"


def banner(place: DemoAddress, *, password: str, tokens: Mapping[str, str]) -> str:
    """Return the text: where everything is, who may sign in, a call that works.

    Without tokens (they are shown once) it says how to make new ones.
    """
    rule = "─" * WIDTH
    parts = [
        ["", rule, "  MLOps is up"],
        [f"  {name:<13}{address}" for name, address in _addresses(place)],
        _people(password, tokens) if tokens else _known_people(),
        *([_example(place, tokens)] if place.serves else []),
        [f"  Ctrl-C stops everything; your data stays in {place.folder}.", rule],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _addresses(place: DemoAddress) -> list[tuple[str, str]]:
    addresses = [
        ("Start here", f"{place.url}/"),
        ("API", f"{place.url}/api/docs/"),
        ("Admin", f"{place.url}/admin/"),
    ]
    if place.serves:
        addresses.append(("Predictions", f"{place.endpoint}/v2"))
    return addresses


def _people(password: str, tokens: Mapping[str, str]) -> list[str]:
    return [
        f"  Sign in as admin, password {password}",
        f"  ({address_of('admin')} in place of the user name does as well)",
        "  Tokens for the API (all of this is shown only now):",
        *(f"  {name:<13}{token}" for name, token in tokens.items()),
    ]


def _known_people() -> list[str]:
    return [
        "  Passwords and tokens were shown at the first start. For new ones:",
        f"    {MANAGE} issue_token scientist",
        f"    {MANAGE} changepassword admin",
    ]


def _example(place: DemoAddress, tokens: Mapping[str, str]) -> list[str]:
    row = ", ".join(str(value) for value in EXAMPLE_ROW)
    body = (
        '{"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 6], '
        f'"data": [{row}]}}]}}'
    )
    return [
        "  Will it close higher tomorrow?",
        f'    curl -H "Authorization: Bearer {tokens.get("scientist", "$TOKEN")}" \\',
        f"      --json '{body}' \\",
        f"      {place.endpoint}/v2/models/{MODEL}/infer",
    ]
