"""Traces of GenAI calls: listed and shown, never changed here."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from lifecycle.admin.base import EMPTY, link_to, moment, table
from lifecycle.models import Run, Trace
from lifecycle.spans import Span, merged, unpacked
from lifecycle.times import from_ms
from mlops.core.admin import ReadOnly

_MOST_SPANS = 500
_NS_IN_MS = 1_000_000


@admin.register(Trace)
class TraceAdmin(ReadOnly):
    list_display = ("label", "experiment", "status", "requested", "took", "span_count")
    list_filter = ("status", ("experiment", AutocompleteSelectFilter))
    list_filter_submit = True
    list_select_related = ("experiment",)
    search_fields = ("id", "name", "run_label")
    show_full_result_count = False
    fields = (
        *("id", "name", "experiment", "runs", "status", "requested", "took"),
        *("request_preview", "response_preview", "tags", "metadata"),
        *("span_count", "span_bytes", "dropped_spans", "spans", "judgements"),
    )
    readonly_fields = ("runs", "requested", "took", "spans", "judgements")

    @admin.display(description=_("trace"), ordering="name")
    def label(self, trace: Trace) -> str:
        return str(trace)

    @admin.display(description=_("requested"), ordering="requested_ms")
    def requested(self, trace: Trace) -> SafeString | str:
        return moment(from_ms(trace.requested_ms))

    @admin.display(description=_("milliseconds"), ordering="duration_ms")
    def took(self, trace: Trace) -> str:
        return EMPTY if trace.duration_ms is None else f"{trace.duration_ms:,}"

    @admin.display(description=_("runs"))
    def runs(self, trace: Trace) -> SafeString | str:
        found = Run.objects.filter(uid=trace.run_label).union(
            Run.objects.filter(trace_links__trace=trace)
        )
        return table((_("run"),), [(link_to(run),) for run in found])

    @admin.display(description=_("spans"))
    def spans(self, trace: Trace) -> SafeString | str:
        pieces = trace.pieces.order_by("pk").values_list("content", flat=True)
        found = merged(*(unpacked(piece) for piece in pieces))[:_MOST_SPANS]
        return table((_("span"), _("milliseconds")), [_row(span) for span in found])

    @admin.display(description=_("assessments"))
    def judgements(self, trace: Trace) -> SafeString | str:
        head = (_("name"), _("kind"), _("source"), _("rationale"))
        rows = [
            (one.name, one.get_kind_display(), one.source_id, one.rationale)
            for one in trace.assessments.all()
        ]
        return table(head, rows)


def _row(span: Span) -> tuple[str, str]:
    start, end = (
        span.get(f"{name}_time_unix_nano", 0) / _NS_IN_MS for name in ("start", "end")
    )
    return span.get("name", ""), f"{end - start:,.3f}" if end else EMPTY
