"""`/graphql`: what MLflow's own pages ask beside REST. The executor comes on demand."""

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from lifecycle.mlflow.endpoint import Answer, Endpoint, MlflowCall, MlflowRoute
from lifecycle.mlflow.errors import MlflowError

_EXECUTION: Final = "lifecycle.mlflow.graphql.execution"


def answer(call: MlflowCall) -> Answer:
    """Execute the operation in the body.

    graphql-core is an extra, and takes 15 MB: it is imported with the first operation.
    Raises MlflowError (501) where it is not installed.
    """
    if find_spec("graphql") is None:
        raise MlflowError(
            "GraphQL needs graphql-core: pip install --no-deps -r "
            "requirements-mlflow-ui.txt",
            code="NOT_IMPLEMENTED",
        )
    executed: Answer = import_module(_EXECUTION).executed(call)
    return executed


GRAPHQL: Final = MlflowRoute({"GET": Endpoint(answer), "POST": Endpoint(answer)})
"""Each field asks the permission of its REST twin; the route only for an account."""
