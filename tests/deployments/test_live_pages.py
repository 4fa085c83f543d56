"""A hundred live pages of a real stack: each sees that a deployment fails."""

import asyncio

import pytest

from tests.demo.live import LiveStack

pytestmark = pytest.mark.slow
PAGES = 100
MADE = """
from tests.deployments.factories import DeploymentFactory
print(DeploymentFactory(active=True).pk)
"""
FAILED = """
from deployments.models import Deployment
Deployment.objects.filter(pk="{pk}").update(status="failed")
"""


@pytest.fixture
def stack(tmp_path):
    made = LiveStack(tmp_path / "stack", "--no-demo")
    made.start()
    yield made
    made.stop()


async def opened(stack, pk):
    """Return a page's stream, which has shown the deployment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.stream_port)
    path = f"/api/v1/ml/lifecycle/deployments/{pk}/stream?seconds=60"
    token = stack.tokens["admin"]
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    await reader.readuntil(b"event: deployment")
    return reader, writer


def test_a_hundred_pages_see_a_change_of_status(stack):
    pk = stack.manage("shell", "-v0", "-c", MADE).split()[-1]

    async def watch():
        pages = [await opened(stack, pk) for _ in range(PAGES)]
        command = FAILED.format(pk=pk)
        await asyncio.to_thread(stack.manage, "shell", "-v0", "-c", command)
        for reader, writer in pages:
            await reader.readuntil(b'event: end\ndata: "failed"')
            writer.close()
        return len(pages)

    assert asyncio.run(watch()) == PAGES
