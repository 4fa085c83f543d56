"""Executing an operation: parsed, measured, checked against the schema, answered."""

import logging
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    execute_sync,
    parse,
    specified_rules,
    validate,
)

from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, shape_of
from lifecycle.mlflow.fields import Fields, wrong
from lifecycle.mlflow.graphql.limits import MAX_TOKENS, fault_of
from lifecycle.mlflow.graphql.roots import GraphqlOperation
from lifecycle.mlflow.graphql.schema import schema

logger = logging.getLogger(__name__)

_RULES = (*specified_rules, NoSchemaIntrospectionCustomRule)


def executed(call: MlflowCall) -> Answer:
    """Return data and errors, as texts. Raises InvalidValue for what is no GraphQL."""
    fields = call.fields
    document = _parsed(fields.text("query", required=True))
    variables = _variables(fields)
    name = fields.text("operationName") or None
    if fault := fault_of(document):
        return {"data": None, "errors": [fault]}
    if errors := validate(schema(), document, _RULES, max_errors=20):
        return {"data": None, "errors": [error.message for error in errors]}
    result = execute_sync(
        schema(),
        document,
        context_value=GraphqlOperation(call),
        variable_values=variables,
        operation_name=name,
    )
    return _answer(result)


def _parsed(text: str) -> DocumentNode:
    try:
        return parse(text, no_location=True, max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        raise InvalidValue(f"'query' is no GraphQL: {error.message}") from None
    except RecursionError:
        raise InvalidValue("'query' is nested too deeply.") from None


def _variables(fields: Fields) -> dict[str, Any]:
    variables = fields.values.get("variables")
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        raise wrong("variables", variables)
    return variables


def _answer(result: ExecutionResult) -> Answer:
    errors = [_message(error) for error in result.errors or ()]
    return {"data": result.data, "errors": errors or None}


def _message(error: GraphQLError) -> str:
    """Return the sentence of a refusal; what is our own fault is logged instead."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return error.message
    if (shape := shape_of(cause)) is not None:
        return shape[1]
    logger.error("A GraphQL field failed: %s", error.path, exc_info=cause)
    return "Something broke on our side."
