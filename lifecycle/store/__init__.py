"""The one writer of the tables of tracking and registry.

Every statement that inserts into, updates or deletes from such a table stands once,
in the module of the thing it writes (`store/runs.py` for runs). REST, the admin, the
MLflow protocol, the demo and importers all come here: the methods of `lifecycle.models`
delegate to it. It knows no HTTP, no model class and no protocol; it takes primary keys
and plain values, raises the errors of `lifecycle.errors`, and runs inside the caller's
transaction on the caller's cursor. It is the fast path of every caller because there is
no other path.

There are two entry points to the same statements:

*act*: something is done now, by somebody. A module's verbs (`runs.start`,
`runs.finish`) lock what they change, ask the gate and the table of moves
(`lifecycle.states`), write the rows and the event, and append one entry to the audit
trail (`mlops.core.audit.note`; other things are named in it by `audit.reference`).
What a protocol allows beyond the rules (the MLflow client may write to a run that
ended) is a verb of its own, never a parameter that switches a rule off.

*record*: a history is imported as it was: ids, times, states, names. `recording` opens
it, a module's `record` stores one thing of it, without gate, move or entry of its own,
and one entry of the trail at the end counts what came from where.

How a table joins:

1. Its statements go into `store/<thing>.py` as constants whose names begin with `_`;
   they are plain SQL for both databases. What is deleted with all that hangs on it
   may go by the row's own `delete()`, called in this package.
2. Its verbs append their audit entry here and nowhere else.
3. Its table goes into `TABLES`. `tests/lifecycle/store/` then holds it to this page:
   columns named in SQL are compared with the models, and every write to the table that
   a test sees must come from here.
4. What the old place did is deleted in the same commit: a table never has two writers.

Rate limits belong to endpoints, not to the writer: REST counts by `MLOPS_WRITE_RATE`,
the MLflow protocol by `MLOPS_MLFLOW_WRITE_RATE`, importers and the demo not at all.
"""

from typing import Final

TABLES: Final = frozenset(
    {
        "lifecycle_aliaschange",
        "lifecycle_artifact",
        "lifecycle_assessment",
        "lifecycle_checklistitem",
        "lifecycle_experiment",
        "lifecycle_experimenttag",
        "lifecycle_inputdataset",
        "lifecycle_key",
        "lifecycle_latestmetric",
        "lifecycle_loggedmodel",
        "lifecycle_loggedmodelmetric",
        "lifecycle_loggedmodelparam",
        "lifecycle_loggedmodeltag",
        "lifecycle_metriccurve",
        "lifecycle_metricpoint",
        "lifecycle_modelalias",
        "lifecycle_modelversion",
        "lifecycle_modelversiontag",
        "lifecycle_param",
        "lifecycle_registeredmodel",
        "lifecycle_registeredmodeltag",
        "lifecycle_run",
        "lifecycle_runinput",
        "lifecycle_runmodelinput",
        "lifecycle_runoutput",
        "lifecycle_runtag",
        "lifecycle_stagechange",
        "lifecycle_trace",
        "lifecycle_tracelink",
        "lifecycle_tracespans",
        "lifecycle_versionmetric",
    }
)
"""The tables that have joined: nothing outside this package writes them."""
