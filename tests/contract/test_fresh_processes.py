"""What a process may not have imported before somebody needs it: memory while idle."""

import os
import subprocess
import sys

import pytest

NEEDED_LATER = (
    *("numpy", "pyarrow", "duckdb", "pandas", "scipy", "sklearn", "joblib", "openpyxl"),
    *("onnx", "onnxruntime", "skl2onnx", "skops", "xgboost", "lightgbm", "ml_dtypes"),
    *("cloudpickle", "narwhals", "uvloop", "uvicorn"),
)
WEB = """
from mlops.wsgi import application
from django.urls import get_resolver
get_resolver().url_patterns
"""
WORKER = """
import threading, django
django.setup()
from mlops.worker import registration
import mlops.worker.management.commands.reconcile
registration.loop()
registration.threads(threading.Event())
"""
KEEPER = "import mlops.demo.keeper"
GATEWAY = "import deployments.gateway.__main__"
SERVING = "import deployments.serving.gateway.app"


def imported(code, among):
    """Return which of the top-level modules a fresh process has, after some code."""
    printing = f"import sys; print(*[m for m in {list(among)!r} if m in sys.modules])"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{printing}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("code", [WEB, WORKER], ids=["web", "worker"])
def test_web_and_worker_begin_without_what_questions_and_models_need(code):
    assert imported(code, ("django", *NEEDED_LATER)) == {"django"}


@pytest.mark.parametrize("code", [KEEPER, GATEWAY], ids=["keeper", "gateway"])
def test_who_only_watches_others_has_the_standard_library(code):
    among = ("django", "rest_framework", "orjson", *NEEDED_LATER)

    assert imported(code, among) == set()


def test_a_gateway_that_answers_has_no_django_and_no_numbers():
    among = ("django", "rest_framework", *NEEDED_LATER)

    assert imported(SERVING, among) <= {"uvicorn", "uvloop"}
