"""What `manage.py up` tells when everything is up."""

from collections.abc import Mapping

from mlops.demo.told import MODEL

WIDTH = 78
EXAMPLE_ROW = (0.004, 0.012, 0.03, 0.15, 0.02, -0.01)
NEW_TOKEN = ".venv/bin/python manage.py issue_token scientist"  # noqa: S105


def banner(
    *,
    url: str,
    serving_url: str,
    password: str,
    tokens: Mapping[str, str],
) -> str:
    """Return the text: where everything is, who may sign in, a call that works.

    Without tokens (they are shown once) it says how to make new ones.
    """
    lines = ["", "─" * WIDTH, "  MLOps is up", ""]
    lines += [
        f"  {name:<13}{address}" for name, address in _addresses(url, serving_url)
    ]
    lines += ["", *_people(password, tokens), "", *_example(serving_url, tokens)]
    return "\n".join(
        [*lines, "", "  Ctrl-C stops everything; your data stays in var/.", "─" * WIDTH]
    )


def _addresses(url: str, serving_url: str) -> list[tuple[str, str]]:
    return [
        ("Start here", f"{url}/"),
        ("API", f"{url}/api/docs/"),
        ("Admin", f"{url}/admin/"),
        ("Predictions", f"{serving_url}/serving/production/{MODEL}/v2"),
    ]


def _people(password: str, tokens: Mapping[str, str]) -> list[str]:
    if not tokens:
        return [
            "  Passwords and tokens were shown at the first start. New ones:",
            f"    {NEW_TOKEN}",
            "    .venv/bin/python manage.py changepassword admin",
        ]
    shown = [f"  {name:<13}{token}" for name, token in tokens.items()]
    return [
        f"  Sign in to the admin as admin, password {password}",
        "  Tokens for the API (all of this is shown only now):",
        *shown,
    ]


def _example(serving_url: str, tokens: Mapping[str, str]) -> list[str]:
    token = tokens.get("scientist", "$TOKEN")
    row = ", ".join(str(value) for value in EXAMPLE_ROW)
    body = (
        '{"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 6], '
        f'"data": [{row}]}}]}}'
    )
    return [
        "  Will it close higher tomorrow?",
        f"    curl -H 'Authorization: Bearer {token}' \\",
        f"      -d '{body}' \\",
        f"      {serving_url}/serving/production/{MODEL}/v2/models/{MODEL}/infer",
    ]
