"""Traces of GenAI calls: what was asked and answered, and the spans in between."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from lifecycle.states import AssessmentKind, TraceStatus


class Trace(models.Model):
    """One traced call. A client chooses its id and says when it began.

    `tags` and `metadata` are texts by key; the name is none of them. Spans that came
    before their trace make its row: `is_reported` tells whether the client has said
    since then what it is. `run_label` is the id of the run that a client traced in,
    which need not be here. `stored_ms` is when it came in: its age counts from there.
    """

    id = models.CharField(_("trace"), primary_key=True, max_length=100)
    experiment = models.ForeignKey(
        "lifecycle.Experiment",
        models.CASCADE,
        related_name="traces",
        db_index=False,
        verbose_name=_("experiment"),
    )
    name = models.TextField(_("name"), blank=True)
    status = models.CharField(_("status"), max_length=17, choices=TraceStatus.choices)
    client_request_id = models.CharField(
        _("request id of the client"), max_length=500, blank=True
    )
    run_label = models.CharField(_("run"), max_length=256, blank=True)
    requested_ms = models.BigIntegerField(_("requested"))
    duration_ms = models.BigIntegerField(_("duration"), null=True)
    request_preview = models.TextField(_("request"), blank=True)
    response_preview = models.TextField(_("response"), blank=True)
    tags = models.JSONField(_("tags"), default=dict)
    metadata = models.JSONField(_("metadata"), default=dict)
    is_reported = models.BooleanField(_("reported by its client"), default=False)
    span_count = models.IntegerField(_("spans"), default=0)
    span_bytes = models.BigIntegerField(_("bytes of spans"), default=0)
    dropped_spans = models.IntegerField(_("spans over the limit"), default=0)
    stored_ms = models.BigIntegerField(_("received"))

    class Meta:
        ordering = ("-requested_ms", "id")
        verbose_name = _("trace")
        verbose_name_plural = _("traces")
        indexes: ClassVar[list[models.Index]] = [
            # A page of an experiment's traces.
            models.Index(
                fields=["experiment", "-requested_ms", "id"], name="trace_newest"
            ),
            # What is too old, the oldest first.
            models.Index(fields=["stored_ms", "id"], name="trace_stored"),
            # The traces of a run.
            models.Index(fields=["run_label"], name="trace_run"),
        ]

    def __str__(self) -> str:
        return self.name or self.pk


class TraceSpans(models.Model):
    """Spans of a trace, packed (`lifecycle.spans`); a later piece adds to them."""

    trace = models.ForeignKey(Trace, models.CASCADE, related_name="pieces")
    content = models.BinaryField(_("spans"))

    class Meta:
        verbose_name = _("spans of a trace")
        verbose_name_plural = _("spans of traces")

    def __str__(self) -> str:
        return str(self.trace_id)


class TraceLink(models.Model):
    """A trace that somebody linked to a run.

    Clients send traces beside their work: the link may come before the trace.
    """

    trace = models.ForeignKey(
        Trace,
        models.CASCADE,
        related_name="links",
        db_index=False,
        db_constraint=False,
    )
    run = models.ForeignKey("lifecycle.Run", models.CASCADE, related_name="trace_links")

    class Meta:
        verbose_name = _("trace of a run")
        verbose_name_plural = _("traces of runs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Idempotent: a client may retry.
            models.UniqueConstraint(fields=["trace", "run"], name="trace_link")
        ]

    def __str__(self) -> str:
        return f"{self.trace_id} → {self.run_id}"


class Assessment(models.Model):
    """What a person, a program or a judge says of a trace, or of a span of it.

    `content` is the protocol's message of the kind: a feedback's value and error, an
    expectation's value. One that another overrides is no longer valid.
    """

    id = models.CharField(primary_key=True, max_length=50)
    trace = models.ForeignKey(Trace, models.CASCADE, related_name="assessments")
    name = models.CharField(_("name"), max_length=250)
    kind = models.CharField(_("kind"), max_length=11, choices=AssessmentKind.choices)
    content = models.JSONField(_("value"), default=dict)
    source_type = models.CharField(_("source"), max_length=50)
    source_id = models.CharField(_("who or what said it"), max_length=250, blank=True)
    span_id = models.CharField(_("span"), max_length=50, blank=True)
    rationale = models.TextField(_("rationale"), blank=True)
    metadata = models.JSONField(_("metadata"), default=dict)
    overrides = models.CharField(_("overrides"), max_length=50, blank=True)
    is_valid = models.BooleanField(_("valid"), default=True)
    created_ms = models.BigIntegerField(_("created"))
    updated_ms = models.BigIntegerField(_("updated"))

    class Meta:
        ordering = ("created_ms", "id")
        verbose_name = _("assessment")
        verbose_name_plural = _("assessments")

    def __str__(self) -> str:
        return self.name
