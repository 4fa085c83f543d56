"""Runs the gateway: `python -m deployments.gateway --data-dir var --port 8501`."""

import argparse
import dataclasses
import logging
import os
import sys

import uvicorn

from deployments.serving.gateway.door import Door
from deployments.serving.gateway.options import VARIABLE, Options

DRAIN_S = 15
BACKLOG = 2048


def options(arguments: list[str]) -> Options:
    """Return options from the command line; each field is one."""
    parser = argparse.ArgumentParser(prog="python -m deployments.gateway")
    for field in dataclasses.fields(Options):
        name = "--" + field.name.replace("_", "-")
        if field.name == "needs_key":
            parser.add_argument("--open", dest="needs_key", action="store_false")
        else:
            kind = type(field.default)
            parser.add_argument(name, default=field.default, type=kind)
    return Options(**vars(parser.parse_args(arguments)))


def main() -> None:
    chosen = options(sys.argv[1:])
    os.environ[VARIABLE] = chosen.as_json()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    uvicorn.run(
        "deployments.serving.gateway.app:create",
        factory=True,
        host=chosen.host,
        port=chosen.port,
        workers=chosen.workers,
        http=Door,
        loop="uvloop",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN_S,
    )


if __name__ == "__main__":
    main()
