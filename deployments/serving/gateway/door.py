"""The gateway's side of each connection."""

from typing import Any

from deployments.serving.gateway.app import Gateway
from deployments.serving.gateway.quick import Asked, asked
from deployments.serving.http1.heads import Heads
from deployments.serving.http1.quick import QuickProtocol


class Door(QuickProtocol[Asked]):
    heads = Heads(asked)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if not isinstance(self.app, Gateway):
            raise TypeError("This protocol is the gateway's own.")
        self._gateway = self.app

    def begin(self, meaning: Asked, body: bytes) -> bool:
        return self._gateway.begin(meaning, body, self.answer)
