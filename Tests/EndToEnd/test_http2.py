# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 on either side of the gateway, and each version on one side only."""

import base64
import gzip
import json
import pathlib
import threading

import hpack
import pytest

from children import wait_until
from configuration import ai_backend, backend, mesh, model, policy, route, rule, target, to
from http2 import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Answer,
    H2Upstream,
    Http2,
    Raw,
    frame,
)
from http2 import echo as echo2
from wire import STREAM_HEAD, Wire, chunk, delta

SUITE = pathlib.Path(__file__).resolve().parents[3] / "shared/suites/http1/h2_downgrade.json.gz"


@pytest.fixture
def serve2():
    """serve2(answer=echo2): an upstream of HTTP/2 that the test scripts."""
    upstreams = []

    def make(answer=echo2, **options):
        upstreams.append(H2Upstream(answer, **options))
        return upstreams[-1]

    yield make
    for upstream in upstreams:
        upstream.end()


@pytest.fixture
def gateway(start, serve):
    """A gateway in front of an upstream of HTTP/1.1 that answers with the request it got."""
    upstream = serve()
    gateway = start(backend("echo", upstream.port), route("all", rule("echo")))
    gateway.upstream = upstream
    return gateway


@pytest.fixture
def gateway2(start, serve2):
    """The same in front of an upstream of HTTP/2."""
    upstream = serve2()
    gateway = start(
        backend("echo", upstream.port, appProtocol="http2"), route("all", rule("echo"))
    )
    gateway.upstream = upstream
    return gateway


def test_a_request_of_http2_reaches_a_server_of_http1(gateway):
    with Http2(gateway.port) as client:
        fields = [("x-a", "1"), ("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")]
        answer = client.request("GET", "/p?q=1", fields, authority="a.test:1234")
        assert answer.status == 200
        assert answer.field("connection") is None
        assert answer.field("transfer-encoding") is None
        seen = json.loads(answer.body)
    assert seen["method"] == "GET"
    assert seen["target"] == "/p?q=1"
    found = dict(seen["fields"])
    assert found["host"] == "a.test:1234"
    assert found["x-a"] == "1"
    assert found["cookie"] == "a=1; b=2"
    assert "te" not in found
    assert "transfer-encoding" not in found


def test_a_whole_body_has_a_length(gateway):
    with Http2(gateway.port) as client:
        # Fields and data in one packet, as clients send what is small.
        number = client.machine.get_next_available_stream_id()
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
        client.answers[number] = Answer()
        client.machine.send_headers(number, head)
        client.machine.send_data(number, b"hello", end_stream=True)
        client.flush()
        seen = json.loads(client.wait(number).body)
    assert seen["body"] == "hello"
    assert dict(seen["fields"])["content-length"] == "5"


def test_a_body_that_comes_in_pieces_is_chunked(gateway):
    with Http2(gateway.port) as client:
        number = client.begin("POST", "/", end=False)
        wait_until(lambda: gateway.upstream.begun, "it has come to the server")
        for piece in (b"one ", b"two ", b"three"):
            client.data(number, piece)
        client.data(number, b"", end=True)
        seen = json.loads(client.wait(number).body)
    assert seen["body"] == "one two three"
    assert dict(seen["fields"])["transfer-encoding"] == "chunked"


def test_a_large_body_passes_both_ways(gateway, gateway2):
    body = b"0123456789abcdef" * 40_000
    for one in (gateway, gateway2):
        with Http2(one.port) as client:
            for length in (True, False):
                fields = [("content-length", str(len(body)))] if length else []
                answer = client.request("POST", "/", fields, body)
                assert answer.status == 200
                assert body in answer.body or body.decode() == json.loads(answer.body)["body"]


def test_many_streams_share_one_connection(gateway2):
    with Http2(gateway2.port) as client:
        numbers = [client.begin("GET", f"/{n}") for n in range(60)]
        for n, number in enumerate(numbers):
            answer = client.wait(number)
            assert answer.status == 200
            assert f":path: /{n}\n".encode() in answer.body
    # One for each event loop at most, and one more where several began at once.
    assert gateway2.upstream.connections <= 4


def test_a_caller_of_http1_reaches_a_server_of_http2(gateway2):
    with Wire(gateway2.port) as client:
        for _ in range(2):
            client.send("POST /p HTTP/1.1\nHost: a\nContent-Length: 5\nConnection: x-b\nX-B: 1\n\n")
            client.send(b"hello")
            answer = client.answer()
            assert answer.status == 200
            text = answer.body.decode()
            assert ":method: POST\n" in text
            assert ":authority: a\n" in text
            assert "x-b" not in text
            assert "te: trailers\n" in text
            assert text.endswith("\n\nhello")


def test_head_and_empty_answers(start, serve2):
    def answer(stream):
        path = stream.field(":path")
        if path == "/204":
            stream.respond(204, end=True)
        elif path == "/late":
            stream.respond(200)
            stream.data(b"", end=True)
        else:
            stream.respond(200, [("content-length", "7")], end=stream.field(":method") == "HEAD")
            if stream.field(":method") != "HEAD":
                stream.data(b"content", end=True)

    upstream = serve2(answer)
    gateway = start(
        backend("one", upstream.port, appProtocol="http2"), route("all", rule("one"))
    )
    with Http2(gateway.port) as client, Wire(gateway.port) as wire:
        answer = client.request("HEAD", "/")
        assert (answer.status, answer.field("content-length"), answer.body) == (200, "7", b"")
        assert client.request("GET", "/204").status == 204
        assert client.request("GET", "/late").body == b""
        assert client.request("GET", "/").body == b"content"
        wire.send("HEAD / HTTP/1.1\nHost: a\n\n")
        answer = wire.answer(bodiless=True)
        assert (answer.status, answer.field("content-length")) == (200, "7")
        wire.send("GET /204 HTTP/1.1\nHost: a\n\n")
        assert wire.answer().status == 204
        wire.send("GET /late HTTP/1.1\nHost: a\n\n")
        assert wire.answer().body == b""


def test_a_stream_of_events_is_relayed_at_once(start, serve):
    gate = threading.Semaphore(0)

    def answer(_, connection):
        connection.sendall(STREAM_HEAD)
        for n in range(5):
            gate.acquire()
            connection.sendall(chunk(delta(f"token {n}")))
        connection.sendall(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        return b""

    upstream = serve(answer)
    gateway = start(ai_backend("one", upstream.port), model("m", target("one")), route("all", {
        "matches": [{"path": {"value": "/v1"}}],
        "backendRefs": [{"group": "pinion.dev", "kind": "Model", "name": "m"}],
    }))
    body = json.dumps({"model": "m", "stream": True, "messages": []}).encode()
    with Http2(gateway.port) as client:
        number = client.begin("POST", "/v1/chat/completions", end=False)
        client.data(number, body, end=True)
        answer = client.answers[number]
        for n in range(5):
            gate.release()
            while f"token {n}".encode() not in answer.body:
                client.step()
        client.wait(number)
        assert answer.ended
        assert answer.body.endswith(b"data: [DONE]\n\n")


def test_a_cut_answer_is_never_shown_as_whole(start, serve, serve2):
    def cut(_, connection):
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head + chunk(b"half"))
        return None

    def cut2(stream):
        stream.respond(200)
        stream.data(b"half")
        stream.reset()

    one, two = serve(cut), serve2(cut2)
    gateway = start(
        backend("one", one.port),
        backend("two", two.port, appProtocol="http2"),
        route("one", rule("one", matches=[{"path": {"value": "/one"}}])),
        route("two", rule("two", matches=[{"path": {"value": "/two"}}])),
    )
    for path in ("/one", "/two"):
        with Http2(gateway.port) as client:
            answer = client.request("GET", path)
            assert answer.status == 200
            assert answer.body == b"half"
            assert not answer.ended
            assert answer.reset is not None
    with Wire(gateway.port) as wire:
        wire.send("GET /two HTTP/1.1\nHost: a\n\n")
        with pytest.raises(Exception):
            wire.answer()


def test_a_caller_that_leaves_ends_the_work(start, serve2):
    begun = threading.Event()

    def answer(stream):
        stream.respond(200)
        stream.data(b"first")
        begun.set()

    upstream = serve2(answer)
    gateway = start(
        backend("one", upstream.port, appProtocol="http2"), route("all", rule("one"))
    )
    with Http2(gateway.port) as client:
        number = client.begin("GET", "/")
        while not client.answers[number].body:
            client.step()
        client.machine.reset_stream(number)
        client.flush()
        wait_until(lambda: upstream.streams[0].was_reset is not None, "the endpoint hears of it")
        # The connection still serves others.
        assert begun.wait(5)
        number = client.begin("GET", "/")
        while not client.answers[number].body:
            client.step()
    wait_until(lambda: upstream.streams[1].was_reset is not None, "the endpoint hears of it")


def test_trailers_pass_and_those_without_meaning_do_not(start, serve2):
    def answer(stream):
        stream.respond(200)
        stream.data(b"body")
        stream.end([("x-sum", "1"), ("authorization", "secret"), ("content-length", "3")])

    upstream = serve2(answer)
    gateway = start(
        backend("one", upstream.port, appProtocol="http2"), route("all", rule("one"))
    )
    with Http2(gateway.port) as client:
        answer = client.request("GET", "/")
        assert answer.body == b"body"
        assert answer.trailers == [("x-sum", "1")]
    with Wire(gateway.port) as wire:
        wire.send("GET / HTTP/1.1\nHost: a\nTE: trailers\nConnection: TE\n\n")
        wire.stream.readline()
        while wire.stream.readline() != b"\r\n":
            pass
        rest = wire.stream.read(len(b"4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n"))
        assert rest == b"4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n"


def test_requests_that_an_endpoint_refused_are_sent_again(start, serve2):
    seen = []

    def answer(stream):
        seen.append(stream)
        if len(seen) == 1:
            stream.reset(7)
        else:
            echo2(stream)

    upstream = serve2(answer)
    gateway = start(
        backend("one", upstream.port, appProtocol="http2"), route("all", rule("one"))
    )
    with Http2(gateway.port) as client:
        assert client.request("GET", "/").status == 200
    assert len(seen) == 2


def test_an_endpoint_that_says_farewell_gets_no_more(start, serve2):
    upstream = serve2()
    gateway = start(
        backend("one", upstream.port, appProtocol="http2"),
        route("all", rule("one")),
        arguments=("--concurrency", "1"),
    )
    with Http2(gateway.port) as client:
        assert client.request("GET", "/").status == 200
        upstream.peers[0].goaway()
        for _ in range(20):
            assert client.request("GET", "/").status == 200
    assert upstream.connections == 2


def test_a_slow_reader_stops_the_source(start, serve2):
    sent = []

    def answer(stream):
        stream.respond(200)
        for _ in range(400):
            stream.data(b"x" * 16_384)
            sent.append(1)
        stream.end()

    upstream = serve2(answer)
    gateway = start(
        backend("one", upstream.port, appProtocol="http2"), route("all", rule("one"))
    )
    with Http2(gateway.port) as client:
        client.gives_credit = False
        number = client.begin("GET", "/")
        while len(client.answers[number].body) < 65_535:
            client.step()
        wait_until(lambda: len(sent) > 4, "it has begun")
        before = -1
        while before != len(sent):
            before = len(sent)
            threading.Event().wait(0.3)
        assert len(sent) < 100
        client.gives_credit = True
        client.machine.acknowledge_received_data(65_535, number)
        client.flush()
        answer = client.wait(number)
        assert answer.ended
        assert len(answer.body) == 400 * 16_384


def test_a_slow_endpoint_stops_the_caller(start, serve2):
    def answer(stream):
        stream.reads = False

    upstream = serve2(answer, early=True)
    gateway = start(
        backend("one", upstream.port, appProtocol="http2"), route("all", rule("one"))
    )
    with Http2(gateway.port) as client:
        number = client.begin("POST", "/", end=False)
        sent = 0
        client.socket.settimeout(1)
        try:
            while sent < 4_000_000:
                room = client.machine.local_flow_control_window(number)
                if not room:
                    client.step()
                    continue
                client.machine.send_data(number, b"x" * min(room, 16_384))
                client.flush()
                sent += min(room, 16_384)
        except TimeoutError:
            pass
        assert sent < 1_000_000


def test_what_the_gateway_itself_says(gateway):
    with Http2(gateway.port) as client:
        answer = client.request("GET", "/a%2fb")
        assert answer.status == 400
        assert answer.ended
        assert answer.field("content-type") == "application/problem+json"
        assert json.loads(answer.body)["code"] == "ambiguous-path"
        many = [(f"x-{n}", "1") for n in range(101)]
        assert client.request("GET", "/", many).status == 431
    assert gateway.upstream.requests == []


def test_expect_is_answered(gateway):
    with Http2(gateway.port) as client:
        number = client.begin("POST", "/", [("expect", "100-continue")], end=False)
        while not client.answers[number].interim:
            client.step()
        client.data(number, b"hello", end=True)
        assert json.loads(client.wait(number).body)["body"] == "hello"


def test_a_first_line_that_only_looks_like_http2(gateway):
    with Wire(gateway.port) as wire:
        wire.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
        assert wire.answer().status in (400, 505)
        assert wire.is_closed()


def test_the_preface_may_come_in_pieces(gateway):
    with Wire(gateway.port) as wire:
        for byte in PREFACE:
            wire.send(bytes([byte]))
        wire.send(frame(SETTINGS))
        head = wire.stream.read(9)
        assert head[3] == SETTINGS and not head[4] & ACK


def data(frames):
    """The data among frames."""
    return b"".join(payload for kind, _, _, payload in frames if kind == DATA)


def test_stopping_lets_requests_end(start, serve2):
    gate = threading.Event()

    def answer(stream):
        stream.respond(200)
        stream.data(b"first ")
        gate.wait(10)
        stream.data(b"last", end=True)

    upstream = serve2(answer)
    gateway = start(
        mesh(drainTimeout="10s"),
        backend("one", upstream.port, appProtocol="http2"),
        route("all", rule("one")),
    )
    plain = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
    with Raw(gateway.port) as client:
        block = hpack.Encoder().encode(plain)
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
        frames = []
        while not data(frames):
            frames += client.frames(0.1)
        gateway.terminate()
        while Raw.goaway(frames) is None:
            frames += client.frames(0.1)
        gate.set()
        frames += client.frames()
        assert client.is_closed
        assert data(frames) == b"first last"
        farewells = [found[3] for found in frames if found[0] == GOAWAY]
        # The first names no stream, so that what is on its way is still taken.
        assert [int.from_bytes(one[:4], "big") for one in farewells] == [2**31 - 1, 1]
        assert {int.from_bytes(one[4:8], "big") for one in farewells} == {0}
    assert gateway.process.wait(10) == 0


def cases():
    """The malformed requests of the suite, if it is there."""
    if not SUITE.exists():
        return []
    with gzip.open(SUITE) as file:
        return json.load(file)["cases"]


@pytest.mark.skipif(not SUITE.exists(), reason=f"no test data at {SUITE}")
def test_malformed_requests_are_refused(gateway):
    refused, wrong = 0, []
    for case in cases():
        fields = [
            (base64.b64decode(name), base64.b64decode(value)) for name, value in case["headers"]
        ]
        body = base64.b64decode(case["body_b64"])
        before = len(gateway.upstream.requests)
        with Raw(gateway.port) as client:
            block = hpack.Encoder().encode(fields, huffman=False)
            flags = END_HEADERS | (0 if body else END_STREAM)
            client.send(frame(HEADERS, flags, 1, block))
            if body:
                client.send(frame(DATA, END_STREAM, 1, body))
            frames = client.frames(seconds=0.25)
        reset = any(kind == RST_STREAM for kind, *_ in frames)
        goaway = any(kind == GOAWAY for kind, *_ in frames)
        status = None
        for kind, _, stream, payload in frames:
            if kind == HEADERS and stream == 1:
                status = dict(hpack.Decoder().decode(payload)).get(":status")
        passed = len(gateway.upstream.requests) > before
        if passed or not (reset or goaway or status == "400"):
            wrong.append((case["id"], case["src"], passed, status))
        else:
            refused += 1
    print(f"HTTP/2 downgrade: {refused} of {len(cases())} refused")
    assert wrong == []


def test_health_of_a_server_of_http2_is_asked_in_http2(start, serve2):
    """A server that speaks nothing else stays in use, and one that fails goes out of it."""
    answers = {"/health": 200}

    def answer(stream):
        stream.respond(answers.get(stream.field(":path"), 200), end=True)

    upstream = serve2(answer)
    check = {"path": "/health", "interval": "200ms", "timeout": "200ms", "unhealthyThreshold": 2}
    gateway = start(
        backend("echo", upstream.port, appProtocol="http2"),
        route("all", rule("echo")),
        policy("Backend", "echo", healthCheck=check),
    )
    wait_until(
        lambda: sum(stream.field(":path") == "/health" for stream in upstream.streams) > 5, "probes"
    )
    assert gateway.metric("pinion_endpoints", state="healthy") == 1
    assert gateway.request("GET", "/")[0] == 200
    answers["/health"] = 503
    wait_until(lambda: gateway.metric("pinion_endpoints", state="unhealthy") == 1, "unhealthy")
    answers["/health"] = 200
    wait_until(lambda: gateway.metric("pinion_endpoints", state="healthy") == 1, "healthy")


def test_copies_reach_a_server_of_http2(start, serve, serve2):
    plain, copies = serve(), serve2()
    gateway = start(
        backend("plain", plain.port),
        backend("copies", copies.port, appProtocol="http2"),
        route(
            "all",
            rule(
                "plain",
                filters=[
                    {"type": "RequestMirror", "requestMirror": {"backendRef": to("copies")}}
                ],
            ),
        ),
    )
    for number in range(3):
        assert gateway.request("POST", f"/{number}", b"body")[0] == 200
    wait_until(lambda: len(copies.streams) == 3, "copies")
    assert copies.connections <= 2, "copies share a connection"
