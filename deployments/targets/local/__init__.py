"""Serves on this machine: one process per instance, forked from a warm zygote."""

from deployments.targets.local.target import LocalTarget

__all__ = ["LocalTarget"]
