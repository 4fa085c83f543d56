"""The contract stands on data: the fixtures of datasets count here too."""

from tests.datasets.conftest import add_version, data_dir, make_dataset

__all__ = ["add_version", "data_dir", "make_dataset"]
