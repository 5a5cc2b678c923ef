# SPDX-License-Identifier: Apache-2.0
"""Upstreams that fail, break the protocol or go away, and what the caller is told."""

import json
import socket
import struct
import threading

import pytest

from children import HOST, wait_until
from configuration import ai_backend, backend, model, policy, route, rule, target
from pinion import run
from wire import STREAM_HEAD, Wire, chunk, completion, delta, event, reply

HELLO = [{"role": "user", "content": "hello"}]
DONE = b"data: [DONE]\n\n"


def offer(upstream):
    """The resources of one model on `upstream`."""
    return [ai_backend("servers", upstream.port), model("chat", target("servers"))]


def ask(path, **fields):
    """A streamed request of the model."""
    body = json.dumps({"model": "chat", "stream": True, **fields})
    return (
        f"POST {path} HTTP/1.1\nhost: a\ncontent-type: application/json\n"
        f"content-length: {len(body)}\n\n{body}"
    )


def finished(index, reason="stop"):
    """The event of a chat stream that ends the choice `index`."""
    choice = {"index": index, "delta": {}, "finish_reason": reason}
    return event(id="c", object="chat.completion.chunk", created=0, model="m", choices=[choice])


def stream(pinion, path="/v1/chat/completions", **fields):
    """Everything that comes for a streamed request, to the end of the connection."""
    with Wire(pinion.port) as client:
        client.send(ask(path, **fields).replace("host: a", "host: a\nconnection: close"))
        parts = []
        try:
            while part := client.stream.read1(65536):
                parts.append(part)
        except ConnectionError:
            pass
        return b"".join(parts)


def test_an_answer_that_is_garbage_is_asked_for_once(start, serve):
    upstream = serve(lambda *_: b"garbage nonsense\r\n\r\n")
    retry = {"attempts": 3, "statuses": [502], "backoff": {"base": "1ms", "max": "5ms"}}
    pinion = start(
        backend("site", upstream.port),
        route("all", rule("site")),
        policy("HTTPRoute", "all", retry=retry),
    )
    status, _, body = pinion.request("GET", "/")
    assert status == 502
    assert b"upstream-malformed" in body
    assert len(upstream.requests) == 1
    attempts = "pinion_upstream_attempts_total"
    wait_until(lambda: pinion.metric(attempts) == 1, "the attempt", seconds=2)
    assert pinion.metric(attempts, result="protocol_error") == 1


def test_a_stream_with_an_unfinished_choice_has_not_ended(start, serve):
    def answer(_, connection):
        # The connection ends in the middle of the chunked body.
        connection.sendall(STREAM_HEAD + chunk(delta("half")) + chunk(finished(0)))

    received = stream(start(*offer(serve(answer))), messages=HELLO, n=2)
    assert b"half" in received
    assert b"stream-truncated" in received
    assert b"[DONE]" not in received
    assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_an_answer_without_a_length_that_was_reset_is_not_whole(start, serve, version):
    taken = threading.Event()

    def answer(_, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\npartial")
        assert taken.wait(5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    pinion = start(backend("site", serve(answer).port), route("all", rule("site")))
    with Wire(pinion.port) as client:
        client.send(f"GET / HTTP/{version}\nHost: a\n\n")
        received = b""
        while b"partial" not in received:
            received += client.stream.read1(65536)
        taken.set()
        if version == "1.1":
            assert b"\r\n0\r\n" not in received + client.stream.read()
        else:
            # Here the end of the connection is that of the body: only a reset tells.
            with pytest.raises(ConnectionResetError):
                client.stream.read()


def test_the_last_event_is_known_wherever_its_type_stands(start, serve):
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    response = {"id": "r", "status": "completed", "usage": usage}
    events = [
        event(response={"id": "r"}, sequence_number=0, type="response.created"),
        event(response=response, sequence_number=1, type="response.completed"),
    ]
    body = b"".join(chunk(entry) for entry in events) + b"0\r\n\r\n"
    upstream = serve(lambda *_: STREAM_HEAD + body)
    received = stream(start(*offer(upstream)), "/v1/responses", input="hello")
    assert all(entry in received for entry in events)
    assert b"error" not in received
    assert received.endswith(b"0\r\n\r\n")


def test_what_came_before_a_malformed_chunk_is_not_lost(start, serve):
    def answer(_, connection):
        last = delta("last") + finished(0)
        connection.sendall(STREAM_HEAD + chunk(delta("first")))
        # One write, so that one read holds the end of the stream and what breaks it.
        connection.sendall(chunk(last) + chunk(DONE) + b"zz\r\n")
        connection.recv(1)

    received = stream(start(*offer(serve(answer))), messages=HELLO)
    for expected in (delta("first"), delta("last"), finished(0), DONE):
        assert expected in received
    assert b"error" not in received


def test_a_corrected_health_check_brings_endpoints_back(start, serve):
    seen = []

    def answer(message, _):
        seen.append(message.target)
        return reply(b"", "404 Not Found" if message.target == "/wrong" else "200 OK")

    ports = [serve(answer).port for _ in range(2)]

    def resources(path):
        check = {"path": path, "interval": "300ms", "timeout": "300ms"}
        return [
            backend("site", *ports),
            route("all", rule("site")),
            policy("Backend", "site", healthCheck=check),
        ]

    pinion = start(*resources("/wrong"))

    def states():
        listed = run("get", "endpoints", "-o", "json", "--admin", f"{HOST}:{pinion.admin}")
        return {entry["state"] for entry in json.loads(listed[1])}

    wait_until(lambda: states() == {"unhealthy"}, "the probes to fail")
    pinion.write(resources("/good"))
    wait_until(lambda: seen.count("/good") >= 6, "the corrected probes")
    wait_until(lambda: states() == {"healthy"}, "the endpoints to come back")
    assert pinion.request("GET", "/")[0] == 200


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "cookie"])
def test_a_fallback_is_not_shown_the_callers_credential(start, serve, name):
    first = serve(lambda *_: reply(b"{}", "503 Service Unavailable"))
    second = serve(lambda *_: completion())
    pinion = start(
        ai_backend("first", first.port),
        ai_backend("second", second.port),
        model("chat", target("first"), fallbacks=[target("second")]),
    )
    assert pinion.chat("chat", {name: "callers-own"})[0] == 200
    assert first.requests[0].field(name) == "callers-own"
    assert "callers-own" not in str(second.requests[0].fields)
