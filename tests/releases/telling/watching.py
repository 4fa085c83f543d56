"""What is told elsewhere: a webhook, and the trace of a call that somebody watched."""

from tests.releases.telling.world import World

HOOKS = "/api/v1/webhooks"
TRACE = f"tr-{'a1':0>32}"


def listen(world: World) -> None:
    """Tell the watch room of every approval."""
    told = {"name": "room", "url": world.room.url, "kinds": ["model_version.approved"]}
    world.ids["webhook"] = world.caller("admin").post(HOOKS, told)["id"]


def trace(world: World) -> None:
    """A call of a model as a client of MLflow 3 reports it."""
    info = {
        "trace_id": TRACE,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": world.ids["experiment"]},
        },
        "request_time": "2026-11-30T12:04:30.202Z",
        "execution_duration": "0.046s",
        "state": "OK",
        "request_preview": '{"text": "한 줄"}',
        "tags": {"mlflow.traceName": "outer", "n": "0"},
    }
    world.scientist.post("/api/3.0/mlflow/traces", {"trace": {"trace_info": info}})


def stop_listening(world: World) -> None:
    """Switch the webhook off once all has been said: nobody listens to a copy."""
    page = f"{HOOKS}/{world.ids['webhook']}"
    admin = world.caller("admin")
    admin.wait(f"{page}/deliveries?state=waiting", lambda waiting: not waiting)
    admin.patch(page, {"is_enabled": False})
