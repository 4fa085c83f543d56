"""What an operation may begin with: each field is a REST endpoint, with its permission.

Nothing is looked up here: the endpoint's own view answers, and what it refuses is the
field's error.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lifecycle.mlflow import routes
from lifecycle.mlflow.endpoint import Endpoint, MlflowCall
from lifecycle.mlflow.errors import Denied
from lifecycle.mlflow.fields import Fields, missing
from lifecycle.mlflow.limits import VERSIONS_MAX

Message = dict[str, Any]
_VERSIONS_OF_RUNS: Final = 200
"""Runs whose versions one search finds; the filter's length has a limit."""

_EXPERIMENT: Final = routes.TRACKING["experiments/get"]["GET"]
_RUN: Final = routes.TRACKING["runs/get"]["GET"]
_RUNS: Final = routes.TRACKING["runs/search"]["POST"]
_VERSIONS: Final = routes.REGISTRY["model-versions/search"]["GET"]


@dataclass(slots=True)
class GraphqlOperation:
    """The call that an operation came with, and what it has found so far.

    A page of runs asks for each run's experiment and versions: the experiment is
    found once, the versions for many runs at a time.
    """

    call: MlflowCall
    experiments: dict[str, Message] = field(default_factory=dict)
    versions: dict[str, list[Message]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)

    def ask(self, endpoint: Endpoint, fields: Mapping[str, Any]) -> Message:
        """Return the answer of an endpoint. Raises Denied, or what it raises."""
        if not self.call.caller.may(endpoint.permission):
            raise Denied(f"This needs the permission {endpoint.permission}.")
        call = MlflowCall(self.call.request, self.call.caller, Fields(fields), {})
        answer = endpoint.view(call)
        if not isinstance(answer, dict):
            raise TypeError(endpoint)
        return answer

    def experiment(self, experiment_id: str) -> Message:
        if experiment_id not in self.experiments:
            found = self.ask(_EXPERIMENT, {"experiment_id": experiment_id})
            self.experiments[experiment_id] = found["experiment"]
        return self.experiments[experiment_id]

    def versions_of(self, run_id: str) -> list[Message]:
        """Return the versions that came of a run, and look for those of its page."""
        if run_id not in self.versions:
            others = [uid for uid in self.waiting if uid not in self.versions]
            asked = [run_id, *(uid for uid in others if uid != run_id)]
            self._find_versions(asked[:_VERSIONS_OF_RUNS])
        return self.versions[run_id]

    def _find_versions(self, run_ids: list[str]) -> None:
        texts = ", ".join(f"'{uid}'" for uid in run_ids)
        fields = {"filter": f"run_id IN ({texts})", "max_results": VERSIONS_MAX}
        found = self.ask(_VERSIONS, fields).get("model_versions", [])
        self.versions |= {uid: [] for uid in run_ids}
        for version in found:
            self.versions[version["run_id"]].append(version)


@dataclass(frozen=True, slots=True)
class RootField:
    """A field of Query or Mutation: what answers it, and where it shows runs."""

    endpoint: Endpoint
    runs: Callable[[Message], Iterable[Message]] = lambda _answer: ()


def _echo(call: MlflowCall) -> Message:
    """Return the text that was sent, as MLflow's own server does."""
    if not call.fields.has("inputString"):
        raise missing("inputString")
    return {"output": call.fields.text("inputString")}


_TEST: Final = RootField(Endpoint(_echo))
_SEARCH_RUNS: Final = RootField(_RUNS, lambda answer: answer.get("runs", ()))
QUERIES: Final = {
    "mlflowGetExperiment": RootField(_EXPERIMENT),
    "mlflowGetMetricHistoryBulkInterval": RootField(
        routes.TRACKING["metrics/get-history-bulk-interval"]["GET"]
    ),
    "mlflowGetRun": RootField(_RUN, lambda answer: (answer["run"],)),
    "mlflowListArtifacts": RootField(routes.FILES["artifacts/list"]["GET"]),
    "mlflowSearchModelVersions": RootField(_VERSIONS),
    "mlflowSearchRuns": _SEARCH_RUNS,
    "test": _TEST,
}
MUTATIONS: Final = {
    "mlflowSearchDatasets": RootField(
        routes.TRACKING["experiments/search-datasets"]["POST"]
    ),
    "mlflowSearchRuns": _SEARCH_RUNS,
    "testMutation": _TEST,
}


def rooted(root: RootField) -> Callable[..., Message]:
    """Return the resolver of a root field."""

    def resolve(_source: Any, info: Any, **arguments: Any) -> Message:
        operation: GraphqlOperation = info.context
        fields = arguments.get("input", arguments) or {}
        answer = operation.ask(root.endpoint, fields)
        operation.waiting += [run["info"]["run_id"] for run in root.runs(answer)]
        return answer

    return resolve


def experiment_of(run: Message, info: Any) -> Message:
    operation: GraphqlOperation = info.context
    return operation.experiment(run["info"]["experiment_id"])


def versions_of(run: Message, info: Any) -> list[Message]:
    operation: GraphqlOperation = info.context
    return operation.versions_of(run["info"]["run_id"])
