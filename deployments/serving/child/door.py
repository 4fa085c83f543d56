"""The model server's side of each connection."""

from urllib.parse import unquote

from deployments.serving.child.app import BINARY, ModelServer
from deployments.serving.http1.answers import whole
from deployments.serving.http1.heads import NOT_FINITE, Head, Heads
from deployments.serving.http1.quick import QuickProtocol
from deployments.serving.oip.errors import NotHere

LINE = b"%b: 1\r\n" % NOT_FINITE


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
            found = server.answer_now(body)
            if found is None:
                return False
            status, answer = found
            self.answer(whole(status, answer.body, b"" if answer.is_finite else LINE))
            return True

    return Door
