"""The questions that a store of a release has to answer.

A question is asked by somebody, of the API or of the gateway, and of its answer all is
kept ("json"), the digest of the bytes ("bytes"), or the status alone ("status").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tests.releases.telling.people import PASSWORDS
from tests.releases.telling.serving import booster_request, infer, tensor
from tests.releases.telling.watching import HOOKS, TRACE
from tests.releases.telling.world import D, F, L

MLFLOW = "/api/2.0/mlflow"
ROWS = [[0.5, -1.0, 2.0], [3.0, 0.0, -0.25], [-4.0, 0.5, 1.5]]


@dataclass(frozen=True)
class Question:
    """One request, of JSON or a form's text. `look` says what is kept of the answer."""

    path: str
    who: str = "admin"
    method: str = "GET"
    body: Any = None
    at: str = "web"
    look: str = "json"

    @property
    def name(self) -> str:
        return f"{self.method} {self.path} as {self.who}"


def of_store(ids: Mapping[str, str]) -> list[Question]:
    """Return every question of a store whose things have these ids."""
    return [
        *_people(),
        *_watching(ids),
        *_tracking(ids),
        *_registry(ids),
        *_deployments(ids),
        *_datasets(ids),
        *_features(ids),
        *_predictions(),
    ]


def _people() -> Iterator[Question]:
    for who in ("admin", "scientist", "approver", "viewer", "deployer", "late"):
        yield Question("/api/v1/users/me", who)
        yield Question("/api/v1/auth/tokens", who)
    for who in ("narrow", "revoked", "nobody"):
        yield Question(f"{L}/models", who)
    for name in ("Viewer@Example.ORG", "viewer", "nobody@example.org"):
        given = urlencode({"username": name, "password": PASSWORDS["viewer"]})
        login = "/api/v1/auth/login"
        yield Question(login, "nobody", "POST", given, look="status")
    yield Question("/api/v1/audit?limit=1000", "approver")
    yield Question("/api/v1/audit?actor=deployer&limit=5", "approver")
    yield Question("/api/v1/audit", "viewer")
    yield Question("/api/schema/", look="status")
    yield Question("/readyz", "nobody")


def _watching(ids: Mapping[str, str]) -> Iterator[Question]:
    for part in ("", f"/{ids['webhook']}", f"/{ids['webhook']}/deliveries"):
        yield Question(f"{HOOKS}{part}")
    yield Question(HOOKS, "viewer", look="status")
    yield Question(f"/api/3.0/mlflow/traces/{TRACE}", "viewer")
    place = {"mlflow_experiment": {"experiment_id": ids["experiment"]}}
    body = {"locations": [place], "filter": "tags.n = '0'", "max_results": 5}
    yield Question("/api/3.0/mlflow/traces/search", "scientist", "POST", body)


def _tracking(ids: Mapping[str, str]) -> Iterator[Question]:
    for part in ("experiments", "experiments/churn-study", "runs?limit=100"):
        yield Question(f"{L}/{part}", "viewer")
    yield Question(f"{L}/experiments?status=archived", "viewer")
    yield Question(f"{L}/runs?statuses=failed&sort_by=started_at", "viewer")
    runs = [*(f"churn-run-{number}" for number in range(1, 5)), "churn-run-open"]
    for run in (*runs, ids["mlflow run"]):
        yield Question(f"{L}/runs/{run}", "viewer")
        yield Question(f"{L}/runs/{run}/artifacts", "viewer")
        yield Question(f"{L}/runs/{run}/metrics/loss", "viewer")
    curves = [("metric", "loss"), ("max_buckets", 7)]
    runs = [("run_id", f"churn-run-{number}") for number in (1, 2)]
    yield Question(f"{L}/curves?{urlencode(runs + curves)}", "viewer")
    yield Question(f"{L}/runs/churn-run-1/previews/tables/t%201.csv", "viewer")
    files = f"{L}/runs/churn-run-1/artifacts"
    for path in ("model.onnx", "tables/t%201.csv"):
        yield Question(f"{files}/{path}", "viewer", look="bytes")
    yield from _mlflow_tracking(ids)


def _mlflow_tracking(ids: Mapping[str, str]) -> Iterator[Question]:
    experiment, run = ids["experiment"], ids["mlflow run"]
    yield _search("experiments", view_type="ALL", max_results=50)
    yield _search("experiments", filter="tags.team = 'a'", max_results=50)
    yield _read("experiments/get-by-name", experiment_name="팀/boosting")
    everywhere = {"experiment_ids": _all(experiment), "max_results": 50}
    yield _search("runs", run_view_type="ALL", **everywhere)
    good = "metrics.`val/auc` > 0.7 and params.depth = '3'"
    order = ["metrics.loss ASC"]
    yield _search("runs", filter=good, order_by=order, **everywhere)
    for name in (run, ids["deleted run"], "churn-run-2"):
        yield _read("runs/get", run_id=name)
    for key in ("loss", "val/auc", "nan", "tiny"):
        yield _read("metrics/get-history", run_id=run, metric_key=key)
    yield _read("artifacts/list", run_id=run)
    plot = f"/get-artifact?run_id={run}&path=plots/roc.svg"
    yield Question(plot, "scientist", look="bytes")


def _registry(ids: Mapping[str, str]) -> Iterator[Question]:
    for part in ("", "?stage=production", "?model_name=churn&sort_by=version"):
        yield Question(f"{L}/models{part}", "viewer")
    for version in ("1", "2", "3", "4", "latest"):
        yield Question(f"{L}/models/churn/{version}", "viewer")
    for model in ("churn", "booster", "broken"):
        yield Question(f"{L}/models/{model}/history", "viewer")
        yield _read("registered-models/get", name=model)
    compared = {"versions": ["1", "2", "3"]}
    yield Question(f"{L}/models/churn/compare", "viewer", "POST", compared)
    yield Question(f"{L}/drift-events?limit=100", "viewer")
    yield _read("registered-models/alias", name="booster", alias="champion")
    yield _read("registered-models/search", filter="tags.a = 'b'")
    yield _read("model-versions/search", filter="name = 'churn'")
    yield _read("model-versions/get-download-uri", name="booster", version="1")
    logged = f"{MLFLOW}/logged-models/{ids['logged model']}"
    yield Question(logged, "scientist")
    yield _search("logged-models", experiment_ids=[ids["experiment"]])
    yield Question(f"{logged}/artifacts/directories", "scientist")
    own = f"{L}/logged-models/{ids['logged model']}"
    yield Question(f"{own}/artifacts", "viewer")
    yield Question(f"{own}/previews/MLmodel", "viewer")
    for path in ("MLmodel", "model.lgb"):
        file = f"{logged}/artifacts/files?artifact_file_path={path}"
        yield Question(file, "scientist", look="bytes")


def _deployments(ids: Mapping[str, str]) -> Iterator[Question]:
    yield Question(f"{L}/deployments?limit=100", "viewer")
    yield Question(f"{L}/deployments?status=active", "viewer")
    yield Question(f"{L}/deployments?environment=production&limit=1", "viewer")
    names = ("first", "second", "restored", "folder", "ended", "skops", "broken")
    for name in names:
        one = f"{L}/deployments/{ids[name]}"
        yield Question(one, "viewer")
        yield Question(f"{one}/events", "viewer")
        yield Question(f"{one}/drift", "viewer")
        yield Question(f"{one}/logs", "viewer", look="status")
        yield Question(f"{one}/metrics", "viewer", look="status")
        yield Question(f"/api/v1/lineage?of=deployment:{ids[name]}", "viewer")
    first = f"{L}/deployments/{ids['first']}"
    yield Question(f"{first}/keys", "deployer")
    yield Question(f"{first}/drift/{ids['drift check']}", "viewer")
    yield Question(f"{L}/deployments/churn:1", "viewer")
    yield Question(f"{L}/instance-types", "viewer")
    yield Question("/api/v1/lineage?of=model_version:churn:1&depth=9", "viewer")


def _datasets(ids: Mapping[str, str]) -> Iterator[Question]:
    yield Question(D, "viewer")
    yield Question("/api/v1/ml/features/datasets?sort_by=name", "viewer")
    for name, count in (("customers", 3), ("readings", 2), ("shop", 3), ("raw", 1)):
        one = f"{D}/{name}"
        for part in ("", "/versions", "/schema", "/rules", "/checks", "/events"):
            yield Question(one + part, "viewer")
        for part in ("/lineage", "/associations", "/correlation", "/drift-reports"):
            yield Question(one + part, "viewer")
        for version in range(1, count + 1):
            at = f"version={version}"
            yield Question(f"{one}/versions/{version}", "viewer")
            yield Question(f"{one}/rows?limit=20&{at}", "viewer")
            yield Question(f"{one}/statistics?{at}", "viewer")
            for kind in ("csv", "parquet", "jsonl"):
                path = f"{one}/export?format={kind}&exact=true&{at}"
                yield Question(path, "viewer", look="bytes")
        yield Question(f"{one}/compare?with=1", "viewer")
        yield Question(f"{one}/rules/suggestions", "scientist")
    yield Question(f"{D}/customers/rules/{ids['rule unique']}", "viewer")
    yield Question(f"{D}/raw/cell?column=text&row=0", "viewer")
    yield from _exploration()


def _exploration() -> Iterator[Question]:
    readings, shop, customers = (f"{D}/{n}" for n in ("readings", "shop", "customers"))
    yield Question(f"{readings}/drift?from=1&to=2", "viewer")
    yield Question(f"{customers}/diff?with=1&key=code", "viewer")
    yield Question(f"{readings}/sample?method=random&seed=3&limit=5", "viewer")
    yield Question(f"{customers}/search?q={quote('최')}", "viewer")
    high = [{"column": "f0", "operator": "gt", "value": 3}]
    asked = {"conditions": high, "order_by": ["-f0"], "limit": 5}
    yield Question(f"{readings}/filter", "viewer", "POST", asked)
    sums = [{"function": "sum", "column": "exact"}, {"function": "count"}]
    groups = {"by": ["site"], "aggregates": sums, "order_by": ["site"]}
    yield Question(f"{readings}/groups", "viewer", "POST", groups)
    yield Question(f"{readings}/facets", "viewer", "POST", {"columns": ["site", "f1"]})
    sql = {"sql": "SELECT sum(price) AS s FROM data", "version": "1"}
    yield Question(f"{shop}/sql", "viewer", "POST", sql)


def _features(ids: Mapping[str, str]) -> Iterator[Question]:
    yield Question(f"{F}?sort_by=feature_name&sort_order=asc", "viewer")
    yield Question(f"{F}?binding_state=broken", "viewer")
    for name in ("reading_f0", "reading_sum", "balance_ratio", "plain_age"):
        yield Question(f"{F}/{name}", "viewer")
        for part in ("versions", "lineage", "statistics", "events"):
            yield Question(f"{F}/{name}/{part}", "viewer")
    column = quote("readings:f0")
    yield Question(f"/api/v1/lineage?of=column:{column}&depth=9", "viewer")


def _predictions() -> Iterator[Question]:
    """Last, since they count. A key opens its own endpoint and no other."""
    churn, request = infer("production", "churn"), tensor(ROWS)
    for who in ("key", "deployer", "narrow"):
        yield _predicted(churn, who, request)
    for who in ("revoked key", "revoked", "nobody"):
        yield _predicted(churn, who, request)
    yield _predicted(infer("development", "churn"), "key", request)
    skops = tensor(ROWS, "input")
    yield _predicted(infer("development", "churn"), "scientist", skops)
    yield _predicted("/serving/staging/booster", "scientist", booster_request())
    for model in ("production/churn", "development/churn", "staging/booster"):
        name = model.rpartition("/")[2]
        path = f"/serving/{model}/v2/models/{name}"
        yield Question(path, "scientist", at="serving")
    yield _predicted(infer("development", "broken"), "scientist", request)
    yield _predicted(churn, "key", tensor([[1.0, 2.0]]))


def _predicted(path: str, who: str, body: Any) -> Question:
    return Question(path, who, "POST", body, at="serving")


def _search(what: str, **body: Any) -> Question:
    return Question(f"{MLFLOW}/{what}/search", "scientist", "POST", body)


def _read(what: str, **query: Any) -> Question:
    return Question(f"{MLFLOW}/{what}?{urlencode(query)}", "scientist")


def _all(experiment: str) -> list[str]:
    return [str(number) for number in range(1, int(experiment) + 1)]
