"""Which kinds of events there are, as data: what the audit trail's entries are called.

Every entry has exactly one kind. What no row of the table names is `audit.recorded`, so
that a webhook for all kinds misses nothing.
"""

from dataclasses import dataclass
from typing import Final

from mlops.core.models import AuditEntry

ALL: Final = "*"
OTHER: Final = "audit.recorded"
TEST: Final = "webhook.tested"
"""Of a message that is sent to try an address; nobody subscribes to it."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind: the entries that are of it, and what it means.

    `withheld` are fields of the entry's changes that stay here.
    """

    name: str
    object_type: str
    actions: tuple[str, ...]
    text: str
    withheld: frozenset[str] = frozenset()


def _of(
    object_type: str, prefix: str, **kinds: tuple[str | tuple[str, ...], str]
) -> tuple[EventKind, ...]:
    return tuple(
        EventKind(
            f"{prefix}.{name}",
            object_type,
            (actions,) if isinstance(actions, str) else actions,
            text,
        )
        for name, (actions, text) in kinds.items()
    )


_EXPERIMENTS = _of(
    "lifecycle.experiment",
    "experiment",
    created=("create", "An experiment was made."),
    changed=(("change", "rename"), "Its name, description or tags were changed."),
    deleted=("delete", "It was hidden with its runs, and can be restored."),
    restored=("restore", "It was brought back."),
    purged=("purge", "It was deleted for good."),
)
_RUNS = _of(
    "lifecycle.run",
    "run",
    started=("start", "A run began."),
    finished=("finish", "A run ended; `changes.status` says how."),
    reopened=("report", "A run that had ended, or waited, runs."),
    changed=(("rename", "describe", "refer_to"), "Its name or notes were changed."),
    deleted=("delete", "It was hidden, and can be restored."),
    restored=("restore", "It was brought back."),
    purged=("purge", "It was deleted for good, with its files."),
)
_LOGGED_MODELS = _of(
    "lifecycle.loggedmodel",
    "logged_model",
    created=("begin", "A run began to log a model."),
    finished=("finish", "It is ready, or failed; `changes.status` says which."),
    deleted=(("delete", "purge"), "It was deleted."),
)
_FILES = _of(
    "lifecycle.artifact",
    "artifact",
    stored=("store_artifact", "A file was stored."),
    removed=("remove_artifact", "A file was removed."),
)
_MODELS = _of(
    "lifecycle.registeredmodel",
    "model",
    created=("create", "A model was registered."),
    changed=("describe", "Its description was changed."),
    renamed=("rename", "It has another name."),
    deleted=("delete", "It was deleted, with its versions."),
    alias_changed=(
        "alias",
        "An alias points to another version: `changes` has it with [old, new] number.",
    ),
    tagged=("tag", "A tag was set."),
    untagged=("untag", "A tag was removed."),
)
_VERSIONS = _of(
    "lifecycle.modelversion",
    "model_version",
    registered=("register", "A version of a model was registered."),
    changed=("describe", "Its description was changed."),
    stage_changed=(
        "move_to_stage",
        "It is in another stage: `changes.stage` is [old, new].",
    ),
    approved=("approve", "Somebody approved it."),
    checklist_changed=("set_checklist", "Items of its checklist were changed."),
    rollback_noted=("note_rollback", "Why it was taken out of service was noted."),
    tagged=("tag", "A tag was set."),
    untagged=("untag", "A tag was removed."),
    deleted=("delete", "It was deleted."),
)
_DRIFT = _of(
    "lifecycle.driftevent",
    "drift",
    detected=("note", "Drift of a version's data was found or reported."),
)
_DEPLOYMENTS = _of(
    "deployments.deployment",
    "deployment",
    requested=("deploy", "Somebody asked to deploy a version."),
    validating=("validate", "Its model is being examined."),
    starting=("start", "Its instances are being started."),
    activated=("activate", "It serves."),
    rollout_moved=(("roll_out", "promote"), "Its share of the traffic changes."),
    paused=("pause", "Its rollout was paused."),
    resumed=("resume", "Its rollout goes on."),
    rolled_back=(
        "roll_back",
        "An earlier version was asked for again, by somebody or after errors.",
    ),
    failed=(("fail", "abort"), "It failed, or was aborted; `changes.reason` says why."),
    cancelled=("cancel", "Somebody took back what was asked for."),
    terminating=("terminate", "Somebody asked to end it."),
    superseded=("make_way", "It makes way for another one."),
    ended=("end", "It has ended; `changes.status` is [old, new]."),
    health_changed=("health", "Its health is another; `changes.reason` says which."),
    noticed=("notice", "Something about it is worth knowing; nothing has moved."),
    drift_checked=("check_drift", "Its data was compared; see `drift.detected`."),
)
_KEYS = _of(
    "deployments.deploymentkey",
    "deployment_key",
    issued=("issue_key", "A key for predictions was made; its text is not here."),
    revoked=("revoke_key", "A key was closed."),
)
_RULES = _of(
    "deployments.environmentrule",
    "environment_rule",
    changed=(("change_rule", "change"), "What an environment asks for was changed."),
)
_DATASETS = _of(
    "datasets.dataset",
    "dataset",
    created=("create", "A dataset was made; its first version is still to be read."),
    version_added=(
        ("add_version", "append_rows", "reuse_version"),
        "Files came in, whose version is still to be read or was known.",
    ),
    changed=("update", "Its name, description, tags or other details were changed."),
    deleted=("delete", "It was deleted."),
)
_DATASET_VERSIONS = _of(
    "datasets.datasetversion",
    "dataset_version",
    ready=("ready_version", "A version was read, and can be used."),
    failed=("fail_version", "A version could not be read; `changes.reason` says why."),
    retried=("retry_version", "It is read again."),
    quality_checked=(
        "check_quality",
        "Its quality rules were asked: `changes.result` is what came out.",
    ),
    purged=("purge_version", "Its content was deleted."),
)
_QUALITY = _of(
    "datasets.qualityrule",
    "quality_rule",
    created=("create", "A quality rule was made."),
    changed=("update", "A quality rule was changed."),
    deleted=("delete", "A quality rule was deleted."),
)
_FEATURES = _of(
    "datasets.feature",
    "feature",
    created=("create", "A feature was made."),
    changed=(("update", "move"), "Its definition or status was changed."),
    bound=("bind", "It reads from another column, or from none."),
    released=("release", "A version of it was released."),
    rolled_back=("roll_back", "It is as an earlier version says."),
)
_PEOPLE = _of(
    "core.user",
    "user",
    created=("create", "An account was made."),
    changed=("change", "An account was changed; `changes.fields` names the fields."),
    deleted=("delete", "An account was deleted."),
    signed_in=("sign_in", "Somebody signed in."),
    sign_in_failed=("sign_in_failed", "Somebody tried to sign in."),
    signed_out=(("sign_out", "end_sign_in"), "A sign-in ended."),
)
_TOKENS = _of(
    "core.apitoken",
    "api_token",
    issued=("issue", "A personal token was made; its text is not here."),
    revoked=("revoke", "A personal token was closed."),
)
_TRAIL = _of(
    "core.auditentry",
    "audit",
    pruned=("prune", "Old entries of the audit trail were let go."),
)
_WEBHOOKS = _of(
    "webhooks.webhook",
    "webhook",
    created=("create", "A webhook was made; its secret is not here."),
    changed=("change", "A webhook was changed; `changes.fields` names the fields."),
    deleted=("delete", "A webhook was deleted."),
    replayed=("replay", "Somebody had messages sent again."),
    secret_rotated=(
        "rotate_secret",
        "It is signed by a new secret; `changes.old_secret_until` by which time alone.",
    ),
    switched_off=(
        "switch_off",
        "Its receiver said that it is gone for good: `changes.reason`.",
    ),
)
_SQL = (
    EventKind(
        "dataset.sql_asked",
        "datasets.dataset",
        ("ask_sql",),
        "A statement was run in the SQL console; its text stays in the audit trail.",
        withheld=frozenset({"sql"}),
    ),
)
_OTHER = (
    EventKind(
        OTHER,
        "",
        (),
        "Any other entry of the audit trail: `data.object_type` and `data.action` say "
        "what it is.",
    ),
)
KINDS: Final[dict[str, EventKind]] = {
    kind.name: kind
    for kind in (
        *_EXPERIMENTS,
        *_RUNS,
        *_LOGGED_MODELS,
        *_FILES,
        *_MODELS,
        *_VERSIONS,
        *_DRIFT,
        *_DEPLOYMENTS,
        *_KEYS,
        *_RULES,
        *_DATASETS,
        *_DATASET_VERSIONS,
        *_QUALITY,
        *_FEATURES,
        *_PEOPLE,
        *_TOKENS,
        *_TRAIL,
        *_WEBHOOKS,
        *_SQL,
        *_OTHER,
    )
}
CHOICES: Final = [(ALL, "Every kind."), *((k.name, k.text) for k in KINDS.values())]
"""What a webhook may ask for, with what it means."""
_BY_ENTRY: Final = {
    (kind.object_type, action): kind
    for kind in KINDS.values()
    for action in kind.actions
}


def kind_of(entry: AuditEntry) -> EventKind:
    """Return the one kind that an entry is of."""
    return _BY_ENTRY.get((entry.object_type, entry.action), KINDS[OTHER])
