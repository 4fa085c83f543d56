"""What `manage.py up` prints when everything is up."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.demo.people import NewUsers, address_of
from mlops.demo.story_state import MODEL

RULE = "─" * 78
EXAMPLE_ROW = (0.004, 0.012, 0.03, 0.15, 0.02, -0.01)
MANAGE = ".venv/bin/python manage.py"
DEMO_COMES = [
    "  The demo is being told: prices, two models, deployments, drift, a rollback.",
    "  It takes a minute or two; everything can be used meanwhile.",
]


@dataclass(frozen=True, slots=True)
class DemoAddress:
    """Where things are."""

    url: str
    serving_url: str
    folder: str

    @property
    def endpoint(self) -> str:
        return f"{self.serving_url}/serving/production/{MODEL}"


def banner(
    place: DemoAddress, new_users: NewUsers, *, serves: bool, tells: bool
) -> str:
    """Return the text: where everything is, who may sign in, a call that works.

    `serves` says that the demo's model answers, `tells` that the demo comes next.
    Without tokens (they are shown once) it says how to make new ones.
    """
    tokens = new_users.tokens
    parts = [
        ["", RULE, "  MLOps is up"],
        [f"  {name:<13}{address}" for name, address in _addresses(place)],
        _people(new_users.password, tokens) if tokens else _known_people(),
        *([_example(place, tokens)] if serves else []),
        *([DEMO_COMES] if tells else []),
        [f"  Ctrl-C stops everything; your data stays in {place.folder}.", RULE],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def demo_banner(place: DemoAddress, tokens: Mapping[str, str]) -> str:
    """Return what is printed when the demo has run: a call of its model."""
    end = [f"  The demo is complete: {place.url}/admin/ shows it.", RULE]
    parts = [["", RULE, *_example(place, tokens)], end]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _addresses(place: DemoAddress) -> list[tuple[str, str]]:
    return [
        ("Start here", f"{place.url}/"),
        ("API", f"{place.url}/api/docs/"),
        ("Admin", f"{place.url}/admin/"),
        ("MLflow", f"MLFLOW_TRACKING_URI={place.url}"),
    ]


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
