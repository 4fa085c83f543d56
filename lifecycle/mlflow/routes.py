"""Every address of the protocol: method, view, permission, transaction.

`routes` of the tracking part, the registry and the artifacts are kept as data, so
that the URL conf, the short way in (`middleware`) and the tests read one table.
"""

from typing import Final

from lifecycle.mlflow.door import Door, Endpoint, View
from lifecycle.mlflow.limits import MAX_BATCH_BYTES, MAX_INPUTS_BODY_BYTES
from lifecycle.mlflow.views import (
    experiments,
    inputs,
    logging,
    metrics,
    runs,
    search,
    server,
)

Routes = dict[str, dict[str, Endpoint]]


def _read(view: View, permission: str) -> Endpoint:
    return Endpoint(view, f"lifecycle.view_{permission}")


def _write(view: View, permission: str, **limits: int) -> Endpoint:
    return Endpoint(view, f"lifecycle.{permission}", writes=True, **limits)


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
        "POST": _write(
            inputs.log_inputs, "change_run", max_bytes=MAX_INPUTS_BODY_BYTES
        )
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
SERVER_INFO: Final = {"GET": Endpoint(server.server_info)}

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNKNOWN: Final = Door(
    {method: Endpoint(server.unknown, streams=True) for method in _METHODS}
)
NOT_SPOKEN: Final = Door(
    {method: Endpoint(server.not_spoken, streams=True) for method in _METHODS}
)
