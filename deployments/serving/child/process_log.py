"""Logging of model processes."""

import logging

from mlops import logs


def log_to_stderr() -> None:
    """Log in UTC with a time first, which `deployments.serving.logs` reads back."""
    formatter = logs.JsonFormatter if logs.is_json() else logs.ProcessTextFormatter
    logs.log_to_stderr(formatter())
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
