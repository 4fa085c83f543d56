"""Who may do what: every route of the API, every kind of caller, the status expected.

The owner is a data scientist who made everything in the world of `world.py`; the
stranger is another data scientist. "nobody" is signed in and has no role.
"""

from dataclasses import dataclass, field
from typing import Any

COLUMNS = (
    "anonymous",
    "nobody",
    "viewer",
    "data scientist",
    "deployer",
    "approver",
    "admin",
    "owner",
    "stranger",
)
SCIENTISTS = ("data scientist", "owner", "stranger")
READERS = ("viewer", *SCIENTISTS, "deployer", "approver", "admin")
MAKERS = (*SCIENTISTS, "admin")
DEPLOYERS = (*SCIENTISTS, "deployer", "admin")
RELEASERS = ("deployer", "admin")
APPROVERS = ("approver", "admin")
PROMOTERS = (*SCIENTISTS, "approver", "admin")
TRAIL_READERS = ("approver", "admin")
SIGNED_IN = ("nobody", *READERS)
ANYONE = COLUMNS


@dataclass(frozen=True)
class Row:
    """A route, who may use it, and what those get; the others get 401 or 403.

    `but` names other statuses of single columns. `silent` writes leave no audit
    entry, for the reason given.
    """

    method: str
    path: str
    allowed: tuple[str, ...]
    ok: int
    body: Any = None
    but: dict[str, int] = field(default_factory=dict)
    silent: str = ""
    kind: str = "json"

    def expected(self) -> dict[str, int]:
        refused = {c: 401 if c == "anonymous" else 403 for c in COLUMNS}
        return {**refused, **dict.fromkeys(self.allowed, self.ok), **self.but}


L, F = "/api/v1/ml/lifecycle", "/api/v1/features"
E, R, M, D = f"{L}/experiments", f"{L}/runs", f"{L}/models", f"{L}/deployments"
DEPLOY = {"model_name": "churn", "model_version": "1", "environment": "development"}
ASKS = "asks, and changes nothing"
TELEMETRY = "telemetry, which has tables of its own"
NO_ACT = "refused before it acts"

W = "/api/v1/webhooks"
HOOK = {"url": "https://93.184.216.34/", "kinds": ["*"]}
ADMINS = ("admin",)

WEBHOOKS = [
    Row("GET", W, ADMINS, 200),
    Row("POST", W, ADMINS, 201, {"name": "pager", **HOOK}),
    Row("GET", W + "/kinds", ADMINS, 200),
    Row("GET", W + "/{webhook}", ADMINS, 200),
    Row("PATCH", W + "/{webhook}", ADMINS, 200, HOOK),
    Row("DELETE", W + "/{webhook}", ADMINS, 204),
    Row("POST", W + "/{webhook}/test", ADMINS, 200, silent=ASKS),
    Row("POST", W + "/{webhook}/rotate-secret", ADMINS, 200, {"keep_hours": 1}),
    Row("POST", W + "/{webhook}/replay", ADMINS, 202, {"after": 0}),
    Row("GET", W + "/{webhook}/deliveries", ADMINS, 200),
    Row("GET", W + "/{webhook}/deliveries/{delivery}", ADMINS, 200),
    Row("POST", W + "/{webhook}/deliveries/{delivery}/replay", ADMINS, 202),
]
ACCOUNT = [
    Row(
        "POST",
        "/api/v1/auth/login",
        ANYONE,
        401,
        {"username": "x", "password": "x"},
        silent=NO_ACT,
    ),
    Row("POST", "/api/v1/auth/refresh", ANYONE, 401, silent=NO_ACT),
    Row("POST", "/api/v1/auth/logout", ANYONE, 204, silent="there was no session"),
    Row("GET", "/api/v1/users/me", SIGNED_IN, 200),
    Row("GET", "/api/v1/auth/tokens", SIGNED_IN, 200),
    Row("POST", "/api/v1/auth/tokens", SIGNED_IN, 201, {"name": "new"}),
    Row(
        "DELETE",
        "/api/v1/auth/tokens/{token}",
        SIGNED_IN,
        404,
        but={"owner": 204},
        silent=NO_ACT,
    ),
    Row("GET", "/api/v1/audit", TRAIL_READERS, 200),
]
LIFECYCLE = [
    Row("GET", E, READERS, 200),
    Row("POST", E, MAKERS, 201, {"name": "new-one", "description": "d", "owner": "x"}),
    Row("GET", E + "/{experiment}", READERS, 200),
    Row("PATCH", E + "/{experiment}", MAKERS, 200, {"description": "new"}),
    Row("GET", R, READERS, 200),
    Row(
        "POST",
        R,
        MAKERS,
        201,
        {"run_id": "run-of-the-matrix", "experiment_name": "{experiment}"},
    ),
    Row("GET", R + "/{run}", READERS, 200),
    Row("PATCH", R + "/{run}", MAKERS, 200, {"notes": "new"}),
    Row(
        "POST",
        R + "/{run}/metrics",
        MAKERS,
        201,
        {"metrics": [{"metric_name": "loss", "value": 0.5}]},
        silent=TELEMETRY,
    ),
    Row("GET", R + "/{run}/metrics/{metric}", READERS, 200),
    Row("GET", L + "/curves?run_id={run}", READERS, 200),
    Row("GET", R + "/{run}/artifacts", READERS, 200),
    Row(
        "POST",
        R + "/{run}/artifacts",
        MAKERS,
        201,
        {"path": "notes.txt", "file": b"hello"},
        kind="multipart",
    ),
    Row("GET", R + "/{run}/artifacts/{artifact}", READERS, 200),
    Row("GET", R + "/{run}/previews/{artifact}", READERS, 200),
    Row("GET", L + "/logged-models/{logged_model}/artifacts", READERS, 200),
    Row("GET", L + "/logged-models/{logged_model}/artifacts/MLmodel", READERS, 200),
    Row("GET", L + "/logged-models/{logged_model}/previews/MLmodel", READERS, 200),
    Row("GET", M, READERS, 200),
    Row(
        "POST",
        M,
        MAKERS,
        201,
        {"model_name": "churn", "version": "9", "run_id": "{run}"},
    ),
    Row("GET", M + "/{model_id}", READERS, 200),
    Row("GET", M + "/churn/1", READERS, 200),
    Row("GET", M + "/churn/history", READERS, 200),
    Row("PATCH", M + "/churn/1", PROMOTERS, 200, {"stage": "archived"}),
    Row("PATCH", M + "/churn/1", APPROVERS, 200, {"approved_by": "someone else"}),
    Row(
        "POST",
        M + "/churn/compare",
        READERS,
        200,
        {"versions": ["1", "2"]},
        silent=ASKS,
    ),
    Row("GET", f"{L}/drift-events", READERS, 200),
    Row(
        "POST",
        f"{L}/drift-events",
        MAKERS,
        200,
        {
            "model_name": "churn",
            "version": "1",
            "severity": "low",
            "metric_name": "psi",
            "metric_value": 0.1,
        },
    ),
]
DEPLOYMENTS = [
    Row("GET", D, READERS, 200),
    Row("POST", D, DEPLOYERS, 201, DEPLOY),
    Row("POST", D, DEPLOYERS, 201, {**DEPLOY, "environment": "staging"}),
    Row(
        "POST",
        D,
        RELEASERS,
        409,
        {**DEPLOY, "environment": "production"},
        silent=NO_ACT,
    ),
    Row("GET", D + "/", READERS, 200),
    Row(
        "POST",
        D + "/",
        DEPLOYERS,
        201,
        {"model_id": "churn:1", "environment": "development"},
    ),
    Row("GET", D + "/{deployment}", READERS, 200),
    Row("PATCH", D + "/{deployment}", DEPLOYERS, 200, {"status": "terminated"}),
    Row("PATCH", D + "/{deployment}/status", DEPLOYERS, 200, {"status": "terminated"}),
    Row("POST", D + "/{deployment}/rollback", RELEASERS, 201, {"reason": "matrix"}),
    Row("POST", D + "/{deployment}/promote", DEPLOYERS, 409, {}, silent=NO_ACT),
    Row("POST", D + "/{deployment}/pause", DEPLOYERS, 409, {}, silent=NO_ACT),
    Row("POST", D + "/{deployment}/resume", DEPLOYERS, 409, {}, silent=NO_ACT),
    Row("POST", D + "/{deployment}/abort", DEPLOYERS, 409, {}, silent=NO_ACT),
    Row("POST", D + "/{deployment}/terminate", DEPLOYERS, 200, {}),
    Row("GET", D + "/{deployment}/events", READERS, 200),
    Row("GET", D + "/{deployment}/logs", READERS, 200),
    Row("GET", D + "/{deployment}/metrics", READERS, 200),
    Row("GET", D + "/{deployment}/stream?seconds=1", READERS, 200),
    Row("GET", D + "/{deployment}/drift", READERS, 200),
    # The run of the world names no dataset.
    Row("POST", D + "/{deployment}/drift", DEPLOYERS, 409, {}, silent=NO_ACT),
    Row("GET", D + "/{deployment}/drift/{drift_check}", READERS, 200),
    Row("GET", D + "/{deployment}/keys", READERS, 200),
    Row("POST", D + "/{deployment}/keys", RELEASERS, 201, {"name": "new"}),
    Row("POST", D + "/{deployment}/keys/trial", RELEASERS, 201),
    Row("DELETE", D + "/{deployment}/keys/{key}", RELEASERS, 204),
    Row("GET", f"{L}/instance-types", READERS, 200),
    Row("GET", "/api/v1/lineage?of=model_version:churn:1", READERS, 200),
]
FEATURE = {
    "feature_name": "new_one",
    "feature_type": "numerical",
    "data_type": "float",
    "description": "A feature of the matrix.",
    "owner": "x",
}
RELEASE = {"version": "9.0.0", "changelog": "made by the matrix", "created_by": "x"}
USE = {
    "feature_name": "age",
    "feature_version": "1.0.0",
    "used_by_model": "churn",
    "model_version": "1",
    "environment": "development",
}
FEATURES = [
    Row("GET", F, READERS, 200),
    Row("POST", F, MAKERS, 201, FEATURE),
    Row("GET", F + "/age", READERS, 200),
    Row("PUT", F + "/age", MAKERS, 200, {"tags": ["new"]}),
    Row("DELETE", F + "/age", MAKERS, 204),
    Row("POST", F + "/age/activate", MAKERS, 200),
    Row("POST", F + "/age/deprecate", MAKERS, 409, silent=NO_ACT),
    Row("GET", F + "/age/versions", READERS, 200),
    Row("POST", F + "/age/versions", MAKERS, 200, RELEASE),
    Row("POST", F + "/age/rollback?target_version=1.0.0", MAKERS, 409, silent=NO_ACT),
    Row("GET", F + "/age/lineage", READERS, 200),
    Row("GET", F + "/age/statistics", READERS, 200),
    Row("GET", F + "/age/events", READERS, 200),
    Row("POST", F + "/usage", MAKERS, 201, USE, silent=TELEMETRY),
    Row("POST", F + "/uploads", MAKERS, 201, {"name": "a.csv", "size_bytes": 3}),
    Row("POST", F + "/uploads/preview", MAKERS, 422, {}, silent=NO_ACT),
    Row("GET", F + "/uploads/{upload}", READERS, 404, but={"owner": 200}),
    Row(
        "PATCH",
        F + "/uploads/{upload}",
        MAKERS,
        404,
        b"abc",
        but={"owner": 200},
        kind="chunk",
        silent=NO_ACT,
    ),
    Row(
        "DELETE",
        F + "/uploads/{upload}",
        MAKERS,
        404,
        but={"owner": 204},
        silent=NO_ACT,
    ),
]
S = F + "/datasets"
ONE = S + "/{dataset}"
NEW = {"name": "new-one", "file": b"a,b\n1,2\n"}
RULE = {"kind": "not_null", "columns": ["x"]}
DATASETS = [
    Row("GET", S, READERS, 200),
    Row("POST", S, MAKERS, 201, NEW, kind="multipart"),
    Row("GET", "/api/v1/ml/features/datasets", READERS, 200),
    Row("GET", ONE, READERS, 200),
    Row("PATCH", ONE, MAKERS, 200, {"description": "new"}),
    Row("GET", ONE + "/associations", READERS, 200),
    Row("GET", ONE + "/cell?row=0&column=x", READERS, 200),
    Row("GET", ONE + "/checks", READERS, 200),
    Row("POST", ONE + "/checks", MAKERS, 201, {}),
    Row("GET", ONE + "/compare?version=2&with=1", READERS, 200),
    Row("GET", ONE + "/diff?version=2&with=1&key=x", READERS, 200),
    Row("GET", ONE + "/correlation", READERS, 200),
    Row("GET", ONE + "/drift?from=1&to=2", READERS, 200),
    Row("GET", ONE + "/drift-reports", READERS, 200),
    Row("GET", ONE + "/export?format=csv", READERS, 200),
    Row("GET", ONE + "/export/options", READERS, 200),
    Row("POST", ONE + "/export", READERS, 200, {"conditions": []}, silent=ASKS),
    Row("POST", ONE + "/filter", READERS, 200, {"conditions": []}, silent=ASKS),
    Row("GET", ONE + "/filter?conditions=[]", READERS, 200),
    Row("POST", ONE + "/sql", READERS, 200, {"sql": "SELECT 1"}),
    Row(
        "POST",
        ONE + "/sql/export",
        READERS,
        200,
        {"sql": "SELECT 1 AS a"},
    ),
    Row(
        "POST", ONE + "/sql/versions", MAKERS, 201, {"sql": "SELECT 7 AS a ORDER BY 1"}
    ),
    Row("POST", ONE + "/groups", READERS, 200, {"by": []}, silent=ASKS),
    Row("GET", ONE + "/groups", READERS, 200),
    Row("POST", ONE + "/facets", READERS, 200, {}, silent=ASKS),
    Row("GET", ONE + "/facets", READERS, 200),
    # All of its rows are the version that is there already.
    Row("POST", ONE + "/filter/versions", MAKERS, 200, {"conditions": []}),
    Row("GET", ONE + "/lineage", READERS, 200),
    Row("GET", ONE + "/events", READERS, 200),
    Row("GET", ONE + "/rows", READERS, 200),
    Row("GET", ONE + "/rules", READERS, 200),
    Row("POST", ONE + "/rules", MAKERS, 201, {**RULE, "columns": ["y"]}),
    Row("GET", ONE + "/rules/suggestions", READERS, 200),
    Row("GET", ONE + "/rules/{rule}", READERS, 200),
    Row("PATCH", ONE + "/rules/{rule}", MAKERS, 200, {"is_enabled": False}),
    Row("DELETE", ONE + "/rules/{rule}", MAKERS, 204),
    Row("GET", ONE + "/sample", READERS, 200),
    Row("GET", ONE + "/schema", READERS, 200),
    Row("GET", ONE + "/search?q=1", READERS, 200),
    Row("GET", ONE + "/statistics", READERS, 200),
    Row("POST", ONE + "/statistics", READERS, 200, {"conditions": []}, silent=ASKS),
    Row("GET", ONE + "/versions", READERS, 200),
    Row(
        "POST",
        ONE + "/append",
        MAKERS,
        201,
        {"base_version": "2", "file": b"x,y\n7,8\n"},
        kind="multipart",
    ),
    Row(
        "POST",
        ONE + "/versions",
        MAKERS,
        201,
        {"file": b"a,b\n7,8\n"},
        kind="multipart",
    ),
    Row("GET", ONE + "/versions/1", READERS, 200),
    Row("POST", ONE + "/versions/1/cancel", MAKERS, 409, {}, silent=NO_ACT),
    Row("POST", ONE + "/versions/1/retry", MAKERS, 409, {}, silent=NO_ACT),
    # Last, since files that are gone do not come back with the rows.
    Row("DELETE", ONE + "/versions/1", MAKERS, 204),
    Row("DELETE", ONE, MAKERS, 204),
]
ROWS = [*ACCOUNT, *WEBHOOKS, *LIFECYCLE, *DEPLOYMENTS, *FEATURES, *DATASETS]
