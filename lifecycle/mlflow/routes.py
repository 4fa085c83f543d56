"""Every address of the protocol: method, view, permission, transaction.

`routes` of the tracking part, the registry and the artifacts are kept as data, so
that the URL conf, the fast path in (`middleware`) and the tests read one table.
"""

from typing import Final

from lifecycle.mlflow.endpoint import Endpoint, MlflowRoute, View
from lifecycle.mlflow.limits import (
    MAX_BATCH_BYTES,
    MAX_BODY_BYTES,
    MAX_INPUTS_BODY_BYTES,
)
from lifecycle.mlflow.views import (
    artifacts,
    assessments,
    experiments,
    inputs,
    logged_models,
    logging,
    metrics,
    proxy,
    runs,
    search,
    server,
    spans,
    trace_changes,
    traces,
    traces_2,
    versions,
    webhooks,
)
from lifecycle.mlflow.views import registered_models as models

Routes = dict[str, dict[str, Endpoint]]


def _read(view: View, permission: str) -> Endpoint:
    return Endpoint(view, f"lifecycle.view_{permission}")


def _write(view: View, permission: str, max_bytes: int = MAX_BODY_BYTES) -> Endpoint:
    return Endpoint(view, f"lifecycle.{permission}", writes=True, max_bytes=max_bytes)


_EXPERIMENTS: Final[Routes] = {
    "experiments/create": {"POST": _write(experiments.create, "add_experiment")},
    "experiments/get": {"GET": _read(experiments.show, "experiment")},
    "experiments/get-by-name": {"GET": _read(experiments.show_by_name, "experiment")},
    "experiments/search": {
        "POST": _read(experiments.search, "experiment"),
        "GET": _read(experiments.search, "experiment"),
    },
    "experiments/update": {"POST": _write(experiments.rename, "change_experiment")},
    "experiments/delete": {"POST": _write(experiments.delete, "delete_experiment")},
    "experiments/restore": {"POST": _write(experiments.restore, "change_experiment")},
    "experiments/set-experiment-tag": {
        "POST": _write(experiments.set_tag, "change_experiment")
    },
    "experiments/delete-experiment-tag": {
        "POST": _write(experiments.delete_tag, "change_experiment")
    },
    "experiments/search-datasets": {
        "POST": _read(experiments.search_datasets, "experiment")
    },
}
_RUNS: Final[Routes] = {
    "runs/create": {"POST": _write(runs.create, "add_run")},
    "runs/get": {"GET": _read(runs.show, "run")},
    "runs/update": {"POST": _write(runs.change, "change_run")},
    "runs/delete": {"POST": _write(runs.delete, "delete_run")},
    "runs/restore": {"POST": _write(runs.restore, "change_run")},
    "runs/search": {"POST": _read(search.search, "run")},
    "runs/log-metric": {"POST": _write(logging.log_metric, "change_run")},
    "runs/log-parameter": {"POST": _write(logging.log_parameter, "change_run")},
    "runs/log-batch": {
        "POST": _write(logging.log_batch, "change_run", max_bytes=MAX_BATCH_BYTES)
    },
    "runs/set-tag": {"POST": _write(logging.set_tag, "change_run")},
    "runs/delete-tag": {"POST": _write(logging.delete_tag, "change_run")},
    "runs/log-inputs": {
        "POST": _write(inputs.log_inputs, "change_run", max_bytes=MAX_INPUTS_BODY_BYTES)
    },
    "runs/outputs": {"POST": _write(inputs.log_outputs, "change_run")},
    "runs/log-model": {"POST": _write(inputs.log_model, "change_run")},
}
_METRICS: Final[Routes] = {
    "metrics/get-history": {"GET": _read(metrics.get_history, "run")},
    "metrics/get-history-bulk": {"GET": _read(metrics.get_history_bulk, "run")},
    "metrics/get-history-bulk-interval": {
        "GET": _read(metrics.get_history_bulk_interval, "run")
    },
}
TRACKING: Final[Routes] = {**_EXPERIMENTS, **_RUNS, **_METRICS}

SERVER: Final[Routes] = {
    "health": {"GET": Endpoint(server.health, is_open=True)},
    "version": {"GET": Endpoint(server.version, is_open=True)},
}
SERVER_INFO: Final[Routes] = {
    "server-info": {"GET": Endpoint(server.server_info)},
    "ui-telemetry": {
        "GET": Endpoint(server.telemetry_settings),
        "POST": Endpoint(server.telemetry),
    },
    "assistant/config": {"GET": Endpoint(server.assistant_settings)},
    "assistant/providers": {"GET": Endpoint(server.assistant_providers)},
}
PAGES: Final[Routes] = {
    "users/current": {"GET": Endpoint(server.current_user)},
    "gateway-proxy": {"GET": Endpoint(server.gateway_endpoints)},
}

REGISTRY: Final[Routes] = {
    "registered-models/create": {
        "POST": _write(models.create, "add_registeredmodel"),
    },
    "registered-models/get": {"GET": _read(models.show, "registeredmodel")},
    "registered-models/update": {
        "PATCH": _write(models.update, "change_registeredmodel"),
    },
    "registered-models/rename": {
        "POST": _write(models.rename, "change_registeredmodel"),
    },
    "registered-models/delete": {
        "DELETE": _write(models.delete, "delete_registeredmodel"),
    },
    "registered-models/search": {"GET": _read(models.search, "registeredmodel")},
    "registered-models/get-latest-versions": {
        "POST": _read(models.latest_versions, "modelversion"),
        "GET": _read(models.latest_versions, "modelversion"),
    },
    "registered-models/set-tag": {
        "POST": _write(models.set_tag, "change_registeredmodel"),
    },
    "registered-models/delete-tag": {
        "DELETE": _write(models.delete_tag, "change_registeredmodel"),
    },
    "registered-models/alias": {
        "GET": _read(models.show_alias, "modelversion"),
        "POST": _write(models.set_alias, "change_registeredmodel"),
        "DELETE": _write(models.drop_alias, "change_registeredmodel"),
    },
    "model-versions/create": {"POST": _write(versions.create, "add_modelversion")},
    "model-versions/get": {"GET": _read(versions.show, "modelversion")},
    "model-versions/update": {
        "PATCH": _write(versions.update, "change_modelversion"),
    },
    "model-versions/delete": {
        "DELETE": _write(versions.delete, "delete_modelversion"),
    },
    "model-versions/search": {"GET": _read(versions.search, "modelversion")},
    "model-versions/get-download-uri": {
        "GET": _read(versions.show_download_uri, "modelversion"),
    },
    "model-versions/transition-stage": {
        "POST": _write(versions.move, "promote_modelversion"),
    },
    "model-versions/set-tag": {
        "POST": _write(versions.set_tag, "change_modelversion"),
    },
    "model-versions/delete-tag": {
        "DELETE": _write(versions.delete_tag, "change_modelversion"),
    },
}
LOGGED_MODELS: Final[Routes] = {
    "logged-models": {"POST": _write(logged_models.create, "add_loggedmodel")},
    "logged-models/search": {"POST": _read(logged_models.search, "loggedmodel")},
}
LOGGED_MODEL: Final[Routes] = {
    "": {
        "GET": _read(logged_models.show, "loggedmodel"),
        "PATCH": _write(logged_models.finish, "change_loggedmodel"),
        "DELETE": _write(logged_models.delete, "delete_loggedmodel"),
    },
    "/tags": {"PATCH": _write(logged_models.set_tags, "change_loggedmodel")},
    "/tags/<path:key>": {
        "DELETE": _write(logged_models.delete_tag, "change_loggedmodel"),
    },
    "/params": {"POST": _write(logged_models.log_params, "change_loggedmodel")},
    "/artifacts/directories": {"GET": _read(artifacts.list_of_model, "artifact")},
    "/artifacts/files": {"GET": _read(artifacts.download_of_model, "artifact")},
}
WEBHOOKS: Final[Routes] = {
    "webhooks": {
        "GET": Endpoint(webhooks.search, "webhooks.view_webhook"),
        "POST": Endpoint(webhooks.create, "webhooks.add_webhook", streams=True),
    },
}
WEBHOOK: Final[Routes] = {
    "": {
        "GET": Endpoint(webhooks.show, "webhooks.view_webhook"),
        "PATCH": Endpoint(webhooks.update, "webhooks.change_webhook", streams=True),
        "DELETE": Endpoint(webhooks.delete, "webhooks.delete_webhook", writes=True),
    },
    "/test": {"POST": Endpoint(webhooks.test, "webhooks.change_webhook", streams=True)},
}
OTLP: Final[Routes] = {
    "v1/traces": {"POST": Endpoint(spans.export, "lifecycle.add_trace", streams=True)},
}
TRACES: Final[Routes] = {
    "traces": {"POST": _write(traces.start, "add_trace")},
    "traces/search": {"POST": _read(traces.search, "trace")},
    "traces/get": {"GET": _read(traces.get, "trace")},
    "traces/batchGet": {"GET": _read(traces.get_batch, "trace")},
    "traces/batchGetInfos": {"POST": _read(traces.get_infos, "trace")},
}
TRACE: Final[Routes] = {
    "": {"GET": _read(traces.show, "trace")},
    "/assessments": {"POST": _write(assessments.create, "add_assessment")},
    "/assessments/<str:assessment_id>": {
        "GET": _read(assessments.show, "assessment"),
        "PATCH": _write(assessments.change, "change_assessment"),
        "DELETE": _write(assessments.delete, "delete_assessment"),
    },
}
TRACES_2: Final[Routes] = {
    "traces": {
        "POST": _write(traces_2.start, "add_trace"),
        "GET": _read(traces_2.search, "trace"),
    },
}
TRACE_2: Final[Routes] = {
    "": {"PATCH": _write(traces_2.end, "change_trace")},
    "/info": {"GET": _read(traces_2.show, "trace")},
}
TRACES_OF_BOTH: Final[Routes] = {
    "traces/delete-traces": {"POST": _write(trace_changes.delete, "delete_trace")},
    "traces/link-to-run": {"POST": _write(trace_changes.link_to_run, "change_trace")},
}
TRACE_OF_BOTH: Final[Routes] = {
    "/tags": {
        "PATCH": _write(trace_changes.set_tag, "change_trace"),
        "DELETE": _write(trace_changes.delete_tag, "change_trace"),
    },
}
TRACES_UNKNOWN: Final = ("metrics", "calculate-filter-correlation", "link-prompts")
"""What MLflow's server has beside a trace's id, and this one has not."""
TRACE_FILE: Final = {"GET": _read(spans.download, "trace")}
FILES: Final[Routes] = {
    "artifacts/list": {"GET": _read(artifacts.list_of_run, "artifact")},
    "upload-artifact": {
        "POST": Endpoint(artifacts.upload, "lifecycle.add_artifact", streams=True)
    },
}
PROXY: Final[Routes] = {
    "": {"GET": _read(artifacts.list_below, "artifact")},
    "/<path:path>": {
        "GET": _read(proxy.get, "artifact"),
        "PUT": Endpoint(proxy.put, "lifecycle.add_artifact", streams=True),
        "DELETE": Endpoint(artifacts.delete, "lifecycle.delete_artifact", streams=True),
    },
}
DOWNLOADS: Final[Routes] = {
    "get-artifact": {"GET": _read(artifacts.download_of_run, "artifact")},
    "model-versions/get-artifact": {
        "GET": _read(artifacts.download_of_version, "artifact")
    },
}

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNKNOWN: Final = MlflowRoute(
    {method: Endpoint(server.unknown, streams=True) for method in _METHODS}
)
DOUBLED: Final = MlflowRoute(
    {method: Endpoint(server.single_slash, streams=True) for method in _METHODS}
)
