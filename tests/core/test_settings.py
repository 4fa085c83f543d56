import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.checks import run_checks

from mlops import env
from tests.ports import free_port

SECRET = "s" * 25 + "0123456789abcdefghijklmnopqrstuvwxyz"
GOOD = {
    "MLOPS_ENV": "production",
    "MLOPS_SECRET_KEY": SECRET,
    "MLOPS_ALLOWED_HOSTS": "ml.example.org",
}


def boot(tmp_path, command="import mlops.settings", **variables):
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("MLOPS_", "DATABASE_URL", "DJANGO_"))
    }
    return subprocess.run(
        [sys.executable, "-c", command],
        env={**kept, "MLOPS_DATA_DIR": str(tmp_path), **variables},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"MLOPS_SECRET_KEY": ""}, "MLOPS_SECRET_KEY"),
        ({"MLOPS_SECRET_KEY": "short"}, "MLOPS_SECRET_KEY"),
        ({"MLOPS_DEBUG": "1"}, "MLOPS_DEBUG"),
        ({"MLOPS_ALLOWED_HOSTS": ""}, "MLOPS_ALLOWED_HOSTS"),
        ({"MLOPS_ALLOWED_HOSTS": "*"}, "MLOPS_ALLOWED_HOSTS"),
        ({"MLOPS_OPEN_MODE": "1"}, "MLOPS_OPEN_MODE"),
        ({"MLOPS_ENV": "prod"}, "MLOPS_ENV"),
        ({"MLOPS_PORT": "http"}, "MLOPS_PORT"),
        ({"MLOPS_PORT": "70000"}, "MLOPS_PORT"),
        ({"MLOPS_HTTPS": "perhaps"}, "MLOPS_HTTPS"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgres://a:secret@h:port/x"}, "DATABASE_URL"),
        ({"MLOPS_SERVING_URL": "models.example.org"}, "MLOPS_SERVING_URL"),
        ({"MLOPS_DATA_DIR": "/dev/null/data"}, "MLOPS_DATA_DIR"),
    ],
)
def test_production_refuses_to_start_and_names_the_variable(tmp_path, variables, named):
    result = boot(tmp_path, **{**GOOD, **variables})

    assert result.returncode != 0
    assert named in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["check", "up", "reconcile", "migrate"])
def test_a_value_without_sense_stops_every_command_with_one_line(tmp_path, command):
    start = (
        f"import runpy, sys; sys.argv = ['manage.py', {command!r}];"
        "runpy.run_path('manage.py', run_name='__main__')"
    )

    result = boot(tmp_path, start, MLOPS_PORT="abc")

    assert result.returncode == 1
    assert result.stderr == "MLOPS_PORT is 'abc'; use a number.\n"


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("MLOPS_CORS_ORIGIN", "MLOPS_CORS_ORIGINS"),
        ("MLOPS_DATADIR", "MLOPS_DATA_DIR"),
        ("MLOPS_LOGLEVEL", "MLOPS_LOG_LEVEL"),
    ],
)
def test_a_misspelt_variable_stops_the_start_with_the_name_that_is_meant(
    tmp_path, misspelt, meant
):
    result = boot(tmp_path, "import mlops.shared_settings", **{misspelt: "x"})

    assert result.returncode != 0
    assert f"{misspelt} is no setting; did you mean {meant}?" in result.stderr


def test_a_variable_that_is_near_to_no_setting_is_a_warning(monkeypatch):
    monkeypatch.setenv("MLOPS_STORE", "x")

    found = [one.msg for one in run_checks() if one.id == "mlops.W004"]

    assert "MLOPS_STORE is set, and is no setting." in found


def test_only_listed_names_are_settings():
    with pytest.raises(KeyError, match="MLOPS_NEW"):
        env.text("MLOPS_NEW")


def test_a_database_that_does_not_answer_is_found_before_deployment(tmp_path):
    command = (
        "from django.core.management import execute_from_command_line as run;"
        "run(['', 'check', '--deploy'])"
    )
    url = f"postgres://mlops:secret@127.0.0.1:{free_port()}/mlops"

    result = boot(
        tmp_path,
        command,
        DJANGO_SETTINGS_MODULE="mlops.settings",
        DATABASE_URL=url,
        **GOOD,
    )

    assert result.returncode != 0
    assert "mlops.E003" in result.stderr
    assert "secret" not in result.stderr


def test_production_has_no_deployment_warning(tmp_path):
    command = (
        "from django.core.management import execute_from_command_line as run;"
        "run(['', 'collectstatic', '--noinput', '-v0']);"
        "run(['', 'check', '--deploy', '--fail-level', 'WARNING'])"
    )

    result = boot(tmp_path, command, DJANGO_SETTINGS_MODULE="mlops.settings", **GOOD)

    assert result.returncode == 0, result.stderr


def test_laptop_makes_one_secret_that_only_its_owner_can_read(tmp_path):
    show = "import mlops.settings as s; print(s.SECRET_KEY)"

    first, second = (boot(tmp_path, show).stdout for _ in range(2))

    assert first == second
    assert len(first.strip()) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert tmp_path.stat().st_mode is not None
    assert [p.name for p in tmp_path.glob("secret_key*")] == ["secret_key"]


def test_unwritable_data_folder_is_found_by_the_checks(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"

    assert "mlops.E001" in {message.id for message in run_checks()}


def test_readable_data_folder_is_a_warning(settings, tmp_path):
    tmp_path.chmod(0o755)
    settings.DATA_DIR = tmp_path

    assert "mlops.W001" in {message.id for message in run_checks()}


@pytest.mark.parametrize("origin", ["*", "localhost:3000", "http://localhost:3000/"])
def test_vague_origin_is_an_error(settings, origin):
    settings.CORS_ALLOWED_ORIGINS = [origin]

    assert "mlops.E002" in {message.id for message in run_checks()}


OWN = "from mlops.shared_settings import OWN_ORIGINS; print(*OWN_ORIGINS)"


@pytest.mark.parametrize(
    ("variables", "origins"),
    [
        ({"MLOPS_PORT": "8600"}, "http://localhost:8600 http://127.0.0.1:8600"),
        (GOOD, "https://ml.example.org"),
        ({**GOOD, "MLOPS_HTTPS": "0"}, "http://ml.example.org:8500"),
    ],
)
def test_own_pages_come_from_the_hosts_that_are_allowed(tmp_path, variables, origins):
    found = boot(tmp_path, OWN, **variables).stdout.split()

    wanted = origins.split()
    assert set(wanted) <= set(found)
    assert {one.partition(":")[0] for one in found} == {wanted[0].partition(":")[0]}


def test_a_host_with_a_wildcard_is_no_origin(tmp_path):
    hosts = {"MLOPS_ALLOWED_HOSTS": ".example.org,ml.example.net"}

    found = boot(tmp_path, OWN, **{**GOOD, **hosts}).stdout.split()

    assert found == ["https://ml.example.net", "https://ml.example.net:8500"]


def test_gateway_lets_the_own_pages_ask(tmp_path):
    command = (
        "from deployments.gateway.__main__ import options;"
        "print(*sorted(options([]).origins))"
    )

    found = boot(tmp_path, command, MLOPS_CORS_ORIGINS="https://a.example").stdout

    assert "b'https://a.example'" in found
    assert "b'http://localhost:8500'" in found
