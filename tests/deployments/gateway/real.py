"""Real models behind a real gateway, one slot for each name."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deployments.serving.terms import Route, RouteEntry, Signature
from deployments.targets.local import LocalTarget
from tests.deployments.gateway.process import DIGEST, GatewayProcess
from tests.deployments.targets import models
from tests.deployments.targets.suite import serve


@contextlib.contextmanager
def serving(
    before: Signature | None = None, **contents: bytes
) -> Iterator[GatewayProcess]:
    """Serve each model in staging under its name, as version 1.

    `before` is what the version before takes.
    """
    with tempfile.TemporaryDirectory(prefix="real-") as name:
        folder = Path(name)
        with LocalTarget(folder) as target:
            for model, content in contents.items():
                file = models.stored(folder, content)
                spec = models.spec_of(file, model_name=model, before=before)
                serve(target, spec)
                entry = RouteEntry(spec.deployment_id, "1")
                target.route(Route("staging", model, (entry,), frozenset({DIGEST})))
            gateway = GatewayProcess(folder)
            try:
                yield gateway
            finally:
                gateway.close()


def infer_path(model: str) -> str:
    return f"/serving/staging/{model}/v2/models/{model}/infer"
