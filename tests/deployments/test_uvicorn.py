"""The insides of uvicorn that the fast path of gateway and models stands on.

No version of uvicorn promises them. What is named here was read in the version below.
"""

import ast
import asyncio
import inspect

import pytest
import uvicorn
from uvicorn.protocols.http import flow_control
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from deployments.serving.child import uvicorn_server as child
from deployments.serving.gateway.guard import GuardedProtocol
from deployments.serving.http1.fastpath import FastPathProtocol

READ_IN = "0.54.0"
HINT = (
    f"uvicorn is not {READ_IN}, whose insides the fast path uses. Compare "
    "uvicorn/protocols/http/httptools_impl.py, flow_control.py and server.py of both: "
    "does a request still end in `on_response_complete`, is `cycle` None before the "
    "first, `pipeline` what waits behind it, `timeout_keep_alive_task` the one timer? "
    "See deployments/serving/http1/fastpath.py, gateway/guard.py, gateway/worker.py "
    "and child/uvicorn_server.py; run tests/deployments/gateway and test_http1.py, "
    "then `make bench ONLY=serving`, and write the new version here."
)
OF_A_CYCLE = ("response_complete", "keep_alive", "default_headers", "transport")
OF_THE_FLOW = ("write_paused", "pause_reading", "resume_reading")
OF_THE_STATE = ("connections", "tasks")
OF_A_SERVER = ("handle_exit", "main_loop", "on_tick", "serve", "shutdown")


async def nobody(scope, receive, send):
    """Stand in for an application that is never asked."""


def protocol():
    async def made():
        return HttpToolsProtocol(uvicorn.Config(nobody), ServerState(), {})

    return asyncio.run(made())


def names_of(one, context):
    """Return the attributes of itself that a class reads (Load) or sets (Store)."""
    return {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(one)))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, context)
        and ast.unparse(node.value) in {"self", "super()"}
    }


def test_uvicorn_is_the_version_that_was_read():
    assert uvicorn.__version__ == READ_IN, HINT


@pytest.mark.parametrize("ours", [FastPathProtocol, GuardedProtocol])
def test_what_our_protocols_use_of_uvicorns_is_there(ours):
    set_by_us = names_of(FastPathProtocol, ast.Store) | names_of(ours, ast.Store)
    ours_alone = set(dir(ours)) - set(dir(HttpToolsProtocol)) | set_by_us
    theirs = names_of(HttpToolsProtocol, ast.Store) | set(dir(HttpToolsProtocol))

    used = names_of(ours, ast.Load) - ours_alone - set(ours.__annotations__)

    assert {"cycle", "flow"} <= used
    assert used - theirs == set(), HINT


def test_a_connection_begins_without_a_cycle_and_with_nothing_waiting():
    fresh = protocol()

    assert (fresh.cycle, len(fresh.pipeline)) == (None, 0), HINT
    assert fresh.timeout_keep_alive_task is None, HINT


@pytest.mark.parametrize("name", OF_A_CYCLE)
def test_a_cycle_has_what_we_read_and_set(name):
    assert f"self.{name} = " in inspect.getsource(RequestResponseCycle), HINT


@pytest.mark.parametrize("name", OF_THE_FLOW)
def test_flow_control_has_what_we_use(name):
    assert name in inspect.getsource(flow_control.FlowControl), HINT


@pytest.mark.parametrize("name", OF_THE_STATE)
def test_the_servers_state_has_what_we_wait_for(name):
    assert hasattr(ServerState(), name), HINT


@pytest.mark.parametrize("name", OF_A_SERVER)
def test_a_server_is_run_by_the_methods_that_we_replace(name):
    assert inspect.isfunction(getattr(uvicorn.Server, name)), HINT
    assert issubclass(child._Server, uvicorn.Server)
