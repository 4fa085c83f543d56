"""The model server's side of each connection."""

from urllib.parse import unquote

from deployments.serving.child.app import BINARY, ModelServer
from deployments.serving.http1.answers import whole
from deployments.serving.http1.heads import Head, Heads
from deployments.serving.http1.quick import QuickProtocol
from deployments.serving.oip.errors import NotHere


def protocol_of(server: ModelServer) -> type[QuickProtocol[bytes]]:
    """Return the protocol of the process's one model."""

    def infer_path(head: Head) -> bytes | None:
        """Return the path of a plain infer call on the model, else None."""
        path = head.target
        parts = tuple(unquote(path.decode("latin-1")).strip("/").split("/"))
        is_binary = any(name == BINARY for name, _ in head.headers)
        if head.method != b"POST" or is_binary or parts[-1] != "infer":
            return None
        try:
            server.require_here(parts[:-1])
        except NotHere:
            return None
        return path

    class Door(QuickProtocol[bytes]):
        heads = Heads(infer_path)

        def begin(self, meaning: bytes, body: bytes) -> bool:
            answer = server.answer_now(body)
            if answer is not None:
                self.answer(whole(*answer))
            return answer is not None

    return Door
