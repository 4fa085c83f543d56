"""Errors of a request, and of a model that answers it."""


class BadRequest(Exception):
    """The request is at fault: 400, with a sentence for whoever sent it.

    `was_taken` is set where the version before would have taken it.
    """

    status = 400
    was_taken = False


class NotHere(BadRequest):
    """The request names a model or a version that this server does not have."""

    status = 404


class ModelFailed(Exception):
    """The model raised on a request that fits its signature: 500."""

    status = 500


class OutOfMemory(ModelFailed):
    """The instance's memory limit is too small for this request: 507."""

    status = 507
