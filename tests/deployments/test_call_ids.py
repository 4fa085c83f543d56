"""The ids of a call, as a model's process reads them from a gateway's request."""

from deployments.serving.child.protocol import without_ids
from deployments.serving.gateway.request import Wire
from deployments.serving.http1.failures import CallIds
from mlops.tracing import TraceSpan

HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: instance\r\ncontent-length: 2\r\n"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def read(wire):
    return without_ids(wire.whole().removesuffix(wire.body))


def test_heads_of_one_kind_are_the_same_without_their_ids():
    span = TraceSpan.below(CALLER)

    plain, ids = read(Wire(HEAD, b"r-1", b"{}"))
    traced, traced_ids = read(Wire(HEAD, b"r-2", b"{}", span))

    assert plain == traced == HEAD + b"\r\n"
    assert ids == CallIds(b"r-1")
    assert traced_ids == CallIds(b"r-2", span.traceparent.encode())
    assert traced_ids.span.parent_id == span.span_id


def test_what_is_no_gateways_head_stays_as_it_is():
    for raw in (
        HEAD + b"\r\n",
        b"GET / HTTP/1.1\r\nx-request-id: a\r\nhost: x\r\n\r\n",
    ):
        assert without_ids(raw) == (raw, CallIds())


def test_a_trace_that_is_not_the_last_but_one_line_belongs_to_the_head():
    raw = b"GET / HTTP/1.1\r\ntraceparent: t\r\nhost: x\r\nx-request-id: a\r\n\r\n"

    head, ids = without_ids(raw)

    assert head == raw.replace(b"x-request-id: a\r\n", b"")
    assert ids == CallIds(b"a")
