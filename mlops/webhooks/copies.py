"""What a copy of an installation has to know, and to forget, of its webhooks."""

from mlops.webhooks.models import Webhook


def secret_keys(alias: str) -> dict[str, list[str]]:
    """Name the keys that secrets of webhooks are encrypted with."""
    rows = Webhook.objects.using(alias)
    sealed = rows.values_list("sealed_secret", "sealed_old_secret")
    names = {one.partition(".")[0] for pair in sealed for one in pair if one}
    return {"webhook key": sorted(names)} if names else {}


def become_copy() -> list[str]:
    """Switch webhooks off: they belong to the one that goes on."""
    names = Webhook.silence_all()
    if not names:
        return []
    listed = ", ".join(names)
    return [f"Webhooks are switched off: {listed}. Switch on those that should call."]
