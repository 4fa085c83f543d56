"""What `manage.py check` finds missing around the processes of models."""

from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's name

from mlops.sandbox import isolation


@register(Tags.security)
def models_are_shut_in(**_options: Any) -> list[CheckMessage]:
    """The kernel gives what keeps a model from files, processes and networks."""
    return [
        Warning(
            f"Models are not shut in: {lacking}.",
            hint="docs/deployments.md says what each wall needs.",
            id="mlops.W010",
        )
        for lacking in isolation.missing()
    ]
