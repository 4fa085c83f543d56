"""Computed answers, kept under what they were computed from."""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST_PARAMETERS = 255


class StoredAnalysisQuerySet(models.QuerySet["StoredAnalysis"]):
    def answer(self, key: "AnalysisKey") -> bytes | None:
        """Return the stored body, JSON as it goes out, or None."""
        row = self.filter(**key.fields).values_list("body", flat=True).first()
        # PostgreSQL gives a memoryview, SQLite bytes.
        return None if row is None else bytes(row)

    def keep(self, key: "AnalysisKey", body: bytes) -> None:
        """Store a body; who comes second leaves the first one's, which is equal."""
        self.bulk_create(
            [StoredAnalysis(**key.fields, body=body)], ignore_conflicts=True
        )


class AnalysisKey:
    """Cache key of an answer, which is also its ETag."""

    def __init__(
        self,
        digest: str,
        kind: str,
        revision: int,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        text = orjson.dumps(dict(parameters or {}), option=orjson.OPT_SORT_KEYS)
        canonical = text.decode()
        if len(canonical) > LONGEST_PARAMETERS:
            canonical = f"sha256:{hashlib.sha256(text).hexdigest()}"
        self.fields = {
            "digest": digest,
            "kind": kind,
            "parameters": canonical,
            "revision": revision,
        }

    @property
    def etag(self) -> str:
        """The key as a strong entity tag (RFC 9110, 8.8.3), quotes included."""
        text = "|".join(str(value) for value in self.fields.values())
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


class StoredAnalysis(models.Model):
    """A cached answer about one content.

    `digest` is the content, `kind` the question, `parameters` its canonical JSON and
    `revision` that of the algorithm: together they are the ETag. Contents are
    immutable, so that entries never expire.
    """

    digest = models.CharField(max_length=64)
    kind = models.CharField(_("question"), max_length=32)
    parameters = models.CharField(
        _("parameters"), max_length=LONGEST_PARAMETERS, default="{}"
    )
    revision = models.PositiveIntegerField(_("revision"))
    body = models.BinaryField()
    computed_at = models.DateTimeField(_("computed"), auto_now_add=True)

    objects = StoredAnalysisQuerySet.as_manager()

    class Meta:
        verbose_name = _("stored analysis")
        verbose_name_plural = _("stored analyses")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # An answer is found by all of it; two who compute it at once keep one.
            models.UniqueConstraint(
                fields=["digest", "kind", "parameters", "revision"],
                name="stored_analysis_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.digest[:12]}"
