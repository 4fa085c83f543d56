"""SQL of users over named tables, answered by a throw-away process.

`parent` starts and bounds it, `child` enters its sandbox, checks the statement's parse
tree (`statement`) and only then runs it. The exception to "no text of a caller ever
becomes SQL", and only in this form.
"""

from datasets.analytics.console.model import (
    MAX_SQL,
    TABLE_NAME,
    Form,
    RowOrder,
    SqlRequest,
    StatementLimits,
    StatementOutcome,
)
from datasets.analytics.console.parent import ask

__all__ = [
    "MAX_SQL",
    "TABLE_NAME",
    "Form",
    "RowOrder",
    "SqlRequest",
    "StatementLimits",
    "StatementOutcome",
    "ask",
]
