"""The gateway's side of each connection."""

from typing import Any

from deployments.serving.gateway.app import Gateway
from deployments.serving.gateway.guard import AnonymousConnections, GuardedProtocol
from deployments.serving.gateway.hot_requests import HotRequest


class GatewayProtocol(GuardedProtocol[HotRequest]):
    anonymous = AnonymousConnections()

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if not isinstance(self.app, Gateway):
            raise TypeError("This protocol is the gateway's own.")
        self._gateway = self.app
        self.heads = self.app.heads
        options = self.app.options
        self.head_s, self.request_s = options.head_s, options.request_s

    def may_wait(self, meaning: HotRequest) -> bool:
        return self._gateway.may_enter(meaning)

    def begin(self, meaning: HotRequest, body: bytes) -> bool:
        if not self._gateway.begin(meaning, body, self.answer):
            return False
        if self._clock is not None:
            self.stop_clock()
            self.mark_authenticated()
        return True
