"""`manage.py dataset_versions`: which versions hold what was uploaded."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from datasets import storage
from datasets.analytics.content import content
from datasets.analytics.sql import TableColumn
from datasets.certainty import Certainty, verdict
from datasets.models import DatasetVersion


class Command(BaseCommand):
    help = (
        "Say of every version whether it holds what was uploaded: from the catalogue"
        " alone, nothing is read. With --digest, compute missing digests of contents."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", help="of this dataset (id or name) only")
        parser.add_argument(
            "--digest",
            action="store_true",
            help="read stored versions that have no digest of their content",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = DatasetVersion.objects.ready().select_related("dataset")
        found = found.prefetch_related("columns").order_by("dataset__name", "number")
        if name := options["dataset"]:
            found = found.filter(dataset__name=name)
        counts: Counter[Certainty] = Counter()
        for version in found.iterator(chunk_size=50):
            self._judge(version, counts)
            if options["digest"] and version.is_readable:
                self._digest(version)
        for certainty in Certainty:
            self.stdout.write(f"{counts[certainty]} {certainty}")

    def _judge(self, version: DatasetVersion, counts: Counter[Certainty]) -> None:
        judged = verdict(version)
        counts[judged.certainty] += 1
        gone = "" if version.is_readable else " (its bytes were purged)"
        self.stdout.write(f"{version}{gone}: {judged.certainty}")
        for reason in judged.reasons:
            self.stdout.write(f"    {reason}")

    def _digest(self, version: DatasetVersion) -> None:
        """Compute and store the digest of a version that has none."""
        if version.content_digest:
            return
        columns = [TableColumn(c.name, c.data_type) for c in version.columns.all()]
        try:
            found = content(storage.data_path(version.digest), columns)
        except OSError:
            self.stderr.write(f"{version}: its bytes cannot be read")
            return
        version.store_content_digest(found.digest)
        self.stdout.write(f"    content {found.digest}")
