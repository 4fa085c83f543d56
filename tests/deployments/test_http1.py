"""The fast path through HTTP: the same answers as the slow path, in the same order."""

import asyncio
import contextlib

import pytest
import uvicorn
from uvicorn.server import ServerState

from deployments.serving.http1 import fastpath
from deployments.serving.http1.answers import whole
from deployments.serving.http1.fastpath import FastPathProtocol
from deployments.serving.http1.heads import Heads, answer_head, request_head

MADE_FOR = "0.54.0"
POST = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"
CHUNKED = (
    b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
)


def post(body=b"abcde"):
    return POST % (len(body), body)


async def slow_path(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    answered = b"long " + body
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answered)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answered})


class Echo(FastPathProtocol[bytes]):
    """Answers at once, later for a body of "wait", never itself for "long"."""

    heads = Heads(lambda head: head.target)

    def begin(self, meaning, body):
        if body.startswith(b"long"):
            return False
        answered = whole(200, b"short " + body)
        if body.startswith(b"wait"):
            self.loop.call_later(0.05, self.answer, answered)
        else:
            self.answer(answered)
        return True


@contextlib.asynccontextmanager
async def talking(**options):
    """Give a connection to an echo: reader, writer and the server's own side."""
    state, made = ServerState(), []
    settings = {"date_header": False, "server_header": False, **options}
    config = uvicorn.Config(slow_path, proxy_headers=False, **settings)
    loop = asyncio.get_running_loop()

    def protocol():
        made.append(Echo(config, state, {}, loop))
        return made[-1]

    server = await loop.create_server(protocol, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not made:
        await asyncio.sleep(0)
    try:
        yield reader, writer, made[0]
    finally:
        writer.close()
        server.close()
        while state.connections:
            await asyncio.sleep(0)


async def answer_of(reader):
    """Return an answer's body."""
    head = await reader.readuntil(b"\r\n\r\n")
    known = answer_head(head)
    assert known is not None, head
    return await reader.readexactly(known.body_bytes)


async def exchanged(*pieces, answers=1, **options):
    async with talking(**options) as (reader, writer, _):
        for piece in pieces:
            writer.write(piece)
            for _ in range(3):
                await asyncio.sleep(0)
        return [await answer_of(reader) for _ in range(answers)]


def test_the_fast_path_is_made_for_this_uvicorn():
    hint = (
        "http1/fastpath.py and gateway/guard.py stand on insides of uvicorn's "
        "HttpToolsProtocol (cycle, pipeline, flow, on_* callbacks, keep-alive timer). "
        "Compare those of both versions, run this file and tests/deployments/gateway, "
        "then name the new version here."
    )

    assert uvicorn.__version__ == MADE_FOR, hint


def test_a_whole_request_takes_the_fast_path_time_and_again():
    assert asyncio.run(exchanged(post(), post(), answers=2)) == [b"short abcde"] * 2


def test_wherever_a_request_is_cut_it_gets_its_answer():
    request = post(b"a\r\n\r\nbc")

    async def every():
        for cut in range(1, len(request)):
            (found,) = await exchanged(request[:cut], request[cut:])
            assert found.split(b" ", 1)[1] == b"a\r\n\r\nbc", cut
        (found,) = await exchanged(*(bytes([byte]) for byte in request))
        assert found == b"long a\r\n\r\nbc"

    asyncio.run(every())


def test_a_head_and_then_its_body_is_still_the_fast_path():
    head, body = post()[:-5], post()[-5:]

    assert asyncio.run(exchanged(head, body)) == [b"short abcde"]


@pytest.mark.parametrize(
    "other",
    [
        CHUNKED,
        b"POST /echo HTTP/1.1\r\ncontent-length: 5\r\nupgrade: h2c\r\n\r\nabcde",
    ],
)
def test_what_is_unusual_goes_to_uvicorn_and_the_next_one_does_not(other):
    async def both():
        async with talking() as (reader, writer, _):
            writer.write(other)
            assert await answer_of(reader) == b"long abcde"
            writer.write(post())
            assert await answer_of(reader) == b"short abcde"

    asyncio.run(both())


def test_one_that_is_not_taken_has_lost_nothing():
    assert asyncio.run(exchanged(post(b"long way"))) == [b"long long way"]


def test_pipelined_requests_are_answered_in_order():
    pipelined = post(b"1") + post(b"2") + post(b"3")

    found = asyncio.run(exchanged(pipelined, post(b"4"), answers=4))

    assert [body[-1:] for body in found] == [b"1", b"2", b"3", b"4"]


def test_what_comes_while_one_is_answered_waits_its_turn():
    more = post(b"2"), CHUNKED, post(b"long"), post(b"x" * 200_000), post(b"6")

    found = asyncio.run(exchanged(post(b"wait"), *more, answers=6))

    assert found[0] == b"short wait"
    bodies = [body.partition(b" ")[2] for body in found[1:]]
    assert bodies == [b"2", b"abcde", b"long", b"x" * 200_000, b"6"]


def test_shutting_down_answers_what_is_under_way_and_closes():
    async def shut(*pieces):
        async with talking() as (reader, writer, mine):
            for piece in pieces:
                writer.write(piece)
                while not (mine._is_answering or mine._held):
                    await asyncio.sleep(0)
            mine.shutdown()
            writer.write(b"cde")
            return await reader.read()

    assert asyncio.run(shut(post(b"wait"))).endswith(b"short wait")
    assert asyncio.run(shut(post()[:-3])).endswith(b"long abcde")


def test_a_client_that_left_is_no_trouble():
    async def left():
        async with talking() as (_, writer, mine):
            writer.write(post(b"wait"))
            while not mine._is_answering:
                await asyncio.sleep(0)
            writer.transport.abort()
            while mine._is_answering:
                await asyncio.sleep(0.001)

    asyncio.run(left())


def test_a_body_that_does_not_come_is_left_to_the_slow_path(monkeypatch):
    monkeypatch.setattr(fastpath, "BODY_S", 0.02)

    async def late():
        async with talking() as (reader, writer, mine):
            writer.write(post()[:-3])
            while mine.cycle is None:
                await asyncio.sleep(0.001)
            writer.write(b"cde")
            return await answer_of(reader)

    assert asyncio.run(late()) == b"long abcde"


def test_an_idle_connection_is_closed():
    async def idle():
        async with talking(timeout_keep_alive=0.02) as (reader, writer, _):
            writer.write(post(b"wait"))
            assert await answer_of(reader) == b"short wait"
            return await asyncio.wait_for(reader.read(), 60)

    assert asyncio.run(idle()) == b""


def test_a_busy_connection_is_not_closed_when_the_time_of_being_idle_is_up():
    async def busy():
        async with talking(timeout_keep_alive=60) as (reader, writer, mine):
            writer.write(post(b"wait"))
            while not mine._is_answering:
                await asyncio.sleep(0)
            mine._rested_at -= 60  # as if the time were up
            mine.timeout_keep_alive_handler()
            return await answer_of(reader)

    assert asyncio.run(busy()) == b"short wait"


@pytest.mark.parametrize(
    "lines",
    [
        b"content-length: 5\r\ncontent-length: 5",
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"content-length: 5\r\nexpect: 100-continue",
        b"content-length: 5\r\nconnection: close",
        b"content-length: +5",
        b"content-length : 5",
        b"content-length: 5\r\n continued",
        b"no-length: 1",
        b"bad header",
    ],
)
def test_a_head_that_is_not_plain_has_no_fast_path(lines):
    assert request_head(b"POST / HTTP/1.1\r\n" + lines + b"\r\n\r\n") is None


def test_a_head_of_another_version_or_with_more_behind_it_has_none_either():
    old = b"POST / HTTP/1.0\r\ncontent-length: 5\r\n\r\n"
    longer = b"POST / HTTP/1.1\ncontent-length: 5\n\nabc\r\n\r\n"

    assert request_head(old) is None
    assert request_head(longer) is None


def test_a_plain_head_says_what_it_holds():
    head = request_head(b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")

    assert head is not None
    assert (head.method, head.target, head.body_bytes) == (b"POST", b"/a?b", 5)
    assert head.headers[0] == (b"host", b"x")


def test_what_heads_mean_is_remembered_but_not_without_bound(monkeypatch):
    monkeypatch.setattr("deployments.serving.http1.heads.MOST", 3)
    read = []
    heads = Heads(lambda head: read.append(head.target) or head.target)
    for name in (b"/a", b"/a", b"/b", b"/c", b"/d", b"/d"):
        raw = b"POST %b HTTP/1.1\r\ncontent-length: 5\r\n\r\n" % name
        known = heads.find(raw)
        assert known is not None
        assert known[:2] == (name, 5)
        if not known.is_kept:
            heads.keep(raw, known)

    assert read == [b"/a", b"/b", b"/c", b"/d"]
    assert len(heads._known) == 1


def test_heads_that_nobody_answered_for_are_not_remembered():
    heads = Heads(lambda head: head.target)

    heads.find(b"POST /a HTTP/1.1\r\ncontent-length: 5\r\n\r\n")

    assert heads._known == {}


def test_a_retired_connection_ends_with_an_answer_that_says_so():
    async def retired(request):
        async with talking() as (reader, writer, mine):
            writer.write(post())
            assert await answer_of(reader) == b"short abcde"
            mine.retire()
            writer.write(request)
            return await reader.read()

    for request in (post(), post(b"wait"), CHUNKED):
        found = asyncio.run(retired(request))
        assert b"\r\nconnection: close\r\n" in found
        assert found.endswith((b"short abcde", b"short wait", b"long abcde"))
