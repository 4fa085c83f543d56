"""Querysets of dataset versions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F, Q

from datasets.analytics.ingest import REVISION
from datasets.errors import VersionNotFound
from datasets.models.parts import SourceFile, combined_sha256, ending_of
from datasets.states import QualityStatus, VersionState
from datasets.storage import IncomingFile
from mlops.core.models import User

if TYPE_CHECKING:
    from datasets.models.dataset import Dataset
    from datasets.models.version import DatasetVersion, IngestedContent

SHORTEST_DIGEST = 8


def _is_content(outcome: "IngestedContent") -> Q:
    return Q(digest=outcome.digest) | Q(content_digest=outcome.content_digest)


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    def ready(self) -> Self:
        return self.filter(state=VersionState.READY)

    def holding_bytes(self) -> Self:
        """Ready versions whose content was not purged."""
        return self.ready().filter(purged_at=None)

    def holding(
        self,
        files: Sequence[IncomingFile],
        outcome: "IngestedContent | None" = None,
        options: Mapping[str, Any] | None = None,
    ) -> "DatasetVersion | None":
        """Return the newest ready version of exactly these bytes or of that content.

        Bytes are the same content only as the rules of now, these options and the
        endings of their names read them.
        """
        held = self.holding_bytes().order_by("-number")
        if outcome is not None and (same := held.filter(_is_content(outcome)).first()):
            return same
        read_alike = held.filter(
            source_sha256=combined_sha256(files),
            options=dict(options or {}),
            type_rules=REVISION,
            # Its files are not the whole of it.
            appended_to=None,
        )
        endings = [ending_of(file.name) for file in files]
        for version in read_alike.prefetch_related("sources"):
            if [ending_of(file.name) for file in version.sources.all()] == endings:
                return version
        return None

    def twins(self, outcome: "IngestedContent") -> Self:
        """Ready versions that say the same, whatever their files were."""
        return self.holding_bytes().filter(_is_content(outcome))

    def failing(self) -> Self:
        """Versions that broke a rule of severity fail when they were last checked."""
        return self.filter(quality_status=QualityStatus.FAILED)

    def behind(self, run_ids: Iterable[int]) -> Self:
        """Versions that one of these runs read, in the order of name and number."""
        # `run_inputs` is lifecycle's relation to us; it exists when that app does.
        read = self.filter(run_inputs__uses__run__in=list(run_ids))
        return read.order_by("dataset__name", "number").distinct()

    def with_digest(self, digest: str) -> Self:
        """Versions with this content, or one whose digest starts so (8 or more)."""
        if len(digest) < SHORTEST_DIGEST:
            return self.none()
        start = digest.lower()
        return self.ready().filter(
            Q(digest__startswith=start) | Q(content_digest__startswith=start)
        )

    def labelled(self, dataset_name: str, label: str) -> "DatasetVersion":
        """Return the version that `label` means in the dataset of that name.

        "latest" is the current version, "3" and "v3" a number, anything else a
        digest (or its first 8 or more digits). Raises VersionNotFound.
        """
        return self.filter(dataset__name=dataset_name).of_label(label)

    def of_label(self, label: str, *, field: str = "version") -> "DatasetVersion":
        """As `labelled`, among the versions of one dataset.

        `field` is the parameter that a refusal names.
        """
        found = self.select_related("dataset")
        word = label.strip().lower()
        if word == "latest":
            found = found.filter(dataset__current_version=F("pk"))
        elif (number := word.removeprefix("v")).isascii() and number.isdigit():
            # A number of a digest's length is more than any version's number.
            known = len(number) < SHORTEST_DIGEST
            found = (
                found.filter(number=int(number)) if known else found.with_digest(word)
            )
        else:
            found = found.with_digest(word)
        version = found.order_by("-number").first()
        if version is None:
            raise VersionNotFound(f"There is no version {label!r}.", field=field)
        return version

    def _made_of(self, files: Sequence[IncomingFile]) -> list[dict[str, Any]]:
        """Return what the rows of files were computed from, as a version keeps it."""
        wanted = list(dict.fromkeys(made for file in files for made in file.made_of))
        found = self.model.objects.select_related("dataset").in_bulk(wanted)
        return [
            {
                "id": str(one.pk),
                "dataset_id": str(one.dataset_id),
                "dataset_name": one.dataset.name,
                "version": one.number,
            }
            for one in map(found.__getitem__, wanted)
        ]

    def begin(
        self,
        dataset: "Dataset",
        number: int,
        files: Sequence[IncomingFile],
        *,
        by: User | None,
        options: Mapping[str, Any] | None = None,
    ) -> "DatasetVersion":
        """Make a version in `processing`; the caller makes the job that reads it."""
        version = self.create(
            dataset=dataset,
            number=number,
            source_name=", ".join(file.name for file in files)[:255],
            source_sha256=combined_sha256(files),
            source_bytes=sum(file.size_bytes for file in files),
            created_by=by,
            options=dict(options or {}),
            made_of=self._made_of(files),
        )
        SourceFile.objects.bulk_create(
            SourceFile(
                id=file.id,
                version=version,
                position=place,
                name=file.name,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
            )
            for place, file in enumerate(files)
        )
        return version
