"""Values of the query string that more than one view reads."""

from rest_framework.request import Request

from mlops.core.errors import BadQuery

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def truth(request: Request, name: str, *, default: bool) -> bool:
    """Return a parameter that is true or false. Raises BadQuery for another value."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.lower() not in _TRUTHS:
        raise BadQuery(f"{name} must be true or false.", field=name)
    return _TRUTHS[text.lower()]
