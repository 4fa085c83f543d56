"""Imports of histories: how far each is, and what came of it."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from lifecycle.admin.base import EMPTY
from lifecycle.models import HistoryImport
from mlops.core.admin import ReadOnly
from mlops.core.admin.base import made_once


@admin.register(HistoryImport)
class HistoryImportAdmin(ReadOnly):
    list_display = (
        "source",
        "state",
        "progress",
        "remaining_time",
        "points",
        "started_at",
        "started_by",
    )
    list_select_related = ("started_by",)
    search_fields = ("source",)
    list_filter = ("started_at",)
    fields = (
        "source",
        "state",
        "progress",
        "remaining_time",
        "started_at",
        "updated_at",
        "finished_at",
        "started_by",
        "counts",
        "report",
    )
    readonly_fields = fields

    @admin.display(description=_("state"))
    def state(self, row: HistoryImport) -> str:
        """An import that was killed looks as one at work; its last sign tells."""
        return str(_("at work") if row.finished_at is None else _("finished"))

    @admin.display(description=_("progress"))
    @made_once
    def progress(self, row: HistoryImport) -> SafeString:
        share = min(row.runs_seen / row.runs_total, 1) if row.runs_total else 1
        return format_html(
            "{} / {} ({} %)", row.runs_seen, row.runs_total, round(share * 100)
        )

    @admin.display(description=_("time left"))
    def remaining_time(self, row: HistoryImport) -> str:
        left = row.remaining
        return EMPTY if left is None else f"{left.total_seconds():.0f} s"

    @admin.display(description=_("points"))
    def points(self, row: HistoryImport) -> int:
        return int(row.counts.get("points", 0))
