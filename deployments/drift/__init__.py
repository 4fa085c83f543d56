"""Compares what deployments meet with what their models were trained on.

The one place where datasets, runs and live requests come together for drift.
"""

from deployments.drift.checks import SampledPeriod, check_dataset, check_requests

__all__ = ["SampledPeriod", "check_dataset", "check_requests"]
