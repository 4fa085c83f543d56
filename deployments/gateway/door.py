"""The gateway's side of each connection."""

from typing import Any

from deployments.gateway.app import Gateway
from deployments.gateway.quick import Asked, asked
from deployments.http1.heads import Heads
from deployments.http1.quick import QuickProtocol


class Door(QuickProtocol[Asked]):
    heads = Heads(asked)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if not isinstance(self.app, Gateway):
            raise TypeError("This protocol is the gateway's own.")
        self._gateway = self.app

    def begin(self, meaning: Asked, body: bytes) -> bool:
        return self._gateway.begin(meaning, body, self.answer)
