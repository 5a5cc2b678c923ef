# SPDX-License-Identifier: Apache-2.0
"""Callers that are slow, careless or hostile, and what a configuration must not be able to do."""

import threading
import time

import pytest

from children import HOST, free_port, wait_until
from configuration import backend, gateway, mesh, policy, route, rule, text
from pinion import run
from wire import Upstream, Wire, read_head, reply

MEBIBYTE = 1024 * 1024
UPLOAD = "POST /upload HTTP/1.1\nHost: a\nContent-Length: {}\n\n"


def site(upstream, *more, **limits):
    """The resources that send everything to `upstream`."""
    return [
        backend("site", upstream.port),
        route("all", rule("site")),
        mesh(limits=limits, drainTimeout="1s"),
        *more,
    ]


def received(client):
    """Everything that still comes, and whether it ended with FIN rather than a reset."""
    parts = []
    try:
        while part := client.stream.read1(65536):
            parts.append(part)
    except ConnectionError:
        return b"".join(parts), False
    return b"".join(parts), True


class Hasty(Upstream):
    """Answers as soon as it has the head, and takes no notice of the body."""

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            self.requests.append(read_head(stream))
            connection.sendall(reply(b"ok"))
            try:
                while stream.read1(65536):
                    pass
            except OSError:
                pass


@pytest.fixture
def hasty():
    """An upstream that answers before the body."""
    upstream = Hasty()
    yield upstream
    upstream.end()


def test_a_body_after_an_early_answer_is_never_a_request(start, hasty):
    pinion = start(*site(hasty))
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    with Wire(pinion.port) as client:
        client.send(UPLOAD.format(1_000_000))
        assert client.answer().body == b"ok"
        try:
            client.send((hidden * 30_000)[:1_000_000])
        except ConnectionError:
            pass
        assert received(client)[0] == b""
    assert pinion.request("GET", "/next")[0] == 200
    assert [message.target for message in hasty.requests] == ["/upload", "/next"]
    # What is left of the body must not stand before another caller's request.
    assert hasty.connections == 2


# Some of these are a little more than the kernel holds for a reader (up to 4 MiB, as Linux is
# usually set): the gateway then still has the end of the answer when it comes to the close.
SIZES = range(100_000, 4_600_000, 30_000)


@pytest.mark.parametrize("ask", ["1.1\nHost: a\nConnection: close", "1.0"], ids=["1.1", "1.0"])
def test_a_slow_reader_gets_every_byte_before_the_close(start, serve, ask):
    pinion = start(*site(serve(lambda message, _: reply(b"x" * int(message.target[1:])))))
    clients = {size: Wire(pinion.port) for size in SIZES}
    for size, client in clients.items():
        client.send(f"GET /{size} HTTP/{ask}\n\n")
    # The pace of the readers: by now the gateway has done with each answer what it could.
    time.sleep(0.5)
    ends = {}
    for size, client in clients.items():
        assert read_head(client.stream).status == 200
        body, ended = received(client)
        ends[size] = (len(body), ended)
        client.close()
    assert ends == {size: (size, True) for size in SIZES}


def test_a_reader_slower_than_the_stream_limit_is_not_cut_off(start, serve):
    body = b"0123456789" * 1_200_000
    limit = policy("HTTPRoute", "all", timeouts={"streamIdle": "1s"})
    pinion = start(*site(serve(lambda *_: reply(body)), limit))
    with Wire(pinion.port, receive_buffer=4096) as client:
        client.send("GET / HTTP/1.1\nHost: a\nConnection: close\n\n")
        assert read_head(client.stream).status == 200
        taken = b""
        # The pace of the reader: three times as long as the endpoint may pause.
        for _ in range(30):
            taken += client.stream.read(4096)
            time.sleep(0.1)
        rest, ended = received(client)
    assert ended
    assert taken + rest == body


def test_requests_without_end_from_a_caller_that_never_reads_cost_no_memory(start):
    pinion = start(route("all", rule(matches=[{"path": {"value": "/there"}}])))
    with Wire(pinion.port, timeout=1, receive_buffer=4096) as client:
        before = pinion.resident_bytes()
        ask = b"GET /absent HTTP/1.1\r\nHost: a\r\n\r\n"
        try:
            client.send(ask * 100_000)
        except TimeoutError:
            pass
        # What was taken in a second more shows whether there is a bound.
        held = [pinion.resident_bytes() for _ in range(10) if not time.sleep(0.1)]
        grown = max(held) - before
        # The connection is held up, not given up.
        assert client.answer().status == 404
    assert grown < 32 * MEBIBYTE, f"{grown / MEBIBYTE:.1f} MiB"


def test_a_slow_upload_that_gets_on_is_not_timed_out(start, serve):
    limit = policy("HTTPRoute", "all", timeouts={"firstByte": "500ms"})
    pinion = start(*site(serve(lambda message, _: reply(message.body)), limit))
    with Wire(pinion.port) as client:
        client.send(UPLOAD.format(60_000))
        # The pace of the caller: three times as long as the endpoint may take to answer.
        for _ in range(15):
            client.send(b"x" * 4000)
            time.sleep(0.1)
        answer = client.answer()
    assert (answer.status, answer.body) == (200, b"x" * 60_000)


def test_an_upload_that_stalls_is_the_callers_fault(start, serve):
    strict = policy("Backend", "site", outlierDetection={"consecutiveFailures": 1})
    upstream = serve()
    pinion = start(*site(upstream, strict, bodyIdleTimeout="1s"))
    with Wire(pinion.port) as client:
        client.send(UPLOAD.format(900_000) + "abc")
        began = time.monotonic()
        answer = client.answer()
        assert answer.status == 408
        assert b"request-timeout" in answer.body
        assert 0.7 < time.monotonic() - began < 3
    assert pinion.request("GET", "/")[0] == 200
    attempts = "pinion_upstream_attempts_total"
    wait_until(lambda: pinion.metric(attempts, result="cancelled") == 1, "the attempt", seconds=2)
    assert pinion.metric(attempts, result="timeout") == 0
    assert pinion.metric("pinion_endpoint_ejections_total") == 0


def test_a_head_that_comes_in_drops_is_given_up_in_time(start, serve):
    pinion = start(*site(serve(), headTimeout="1s"))
    with Wire(pinion.port) as client:
        began = time.monotonic()
        answers = []
        reader = threading.Thread(target=lambda: answers.append(client.answer()))
        reader.start()
        client.send("GET / HTTP/1.1\n")
        while reader.is_alive() and time.monotonic() - began < 4:
            # The pace of the caller: a field every so often, and never the last.
            client.send("X: y\n")
            reader.join(0.2)
        assert 0.8 < time.monotonic() - began < 3
        assert answers[0].status == 408
        assert received(client)[0] == b""


def test_a_connection_that_sends_nothing_is_closed(start, serve):
    pinion = start(*site(serve(), headTimeout="1s"))
    with Wire(pinion.port) as client:
        began = time.monotonic()
        assert client.is_closed()
        assert 0.8 < time.monotonic() - began < 3


@pytest.mark.parametrize("late", [False, True], ids=["at once", "end comes late"])
def test_an_empty_chunked_request_is_tried_again(start, serve, late):
    answers = [reply(b"", "503 Service Unavailable"), reply(b"ok")]
    upstream = serve(lambda *_: answers.pop(0))
    retry = {"attempts": 2, "statuses": [503], "backoff": {"base": "1ms", "max": "5ms"}}
    pinion = start(*site(upstream, policy("HTTPRoute", "all", retry=retry)))
    with Wire(pinion.port) as client:
        client.send("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n")
        if late:
            wait_until(lambda: upstream.begun, "the head at the upstream")
        client.send("0\n\n")
        answer = client.answer()
    assert (answer.status, answer.body) == (200, b"ok")
    assert [message.body for message in upstream.requests] == [b"", b""]


def logged_ids(pinion, count):
    """The request ids of the first `count` records."""
    records = wait_until(
        lambda: len(found := pinion.access_log()) >= count and found, f"{count} records"
    )
    return [record["request_id"] for record in records]


@pytest.mark.parametrize("sent", [{"x-request-id": "callers-1"}, {}], ids=["theirs", "ours"])
def test_one_request_id_stands_everywhere(start, serve, sent):
    upstream = serve()
    rules = rule("site", matches=[{"path": {"value": "/site"}}])
    pinion = start(backend("site", upstream.port), route("all", rules))
    _, good, _ = pinion.request("GET", "/site", headers=sent)
    _, absent, problem = pinion.request("GET", "/absent", headers=sent)
    _, unknown, error = pinion.chat("unknown", headers=sent)
    ids = [fields["x-request-id"] for fields in (good, absent, unknown)]
    assert upstream.requests[0].field("x-request-id") == ids[0]
    assert ids[1].encode() in problem
    assert ids[2].encode() in error
    assert logged_ids(pinion, 3) == ids
    assert set(ids) == {"callers-1"} if sent else len(set(ids)) == 3


@pytest.mark.parametrize("name", ["Transfer-Encoding", "Content-Length", "Host"])
@pytest.mark.parametrize("change", ["set", "add", "remove"])
def test_no_filter_may_change_how_a_message_is_read(tmp_path, name, change):
    changed = [name] if change == "remove" else [{"name": name, "value": "0"}]
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {change: changed}}]
    file = tmp_path / "mesh.yaml"
    file.write_text(
        text([gateway(8080), backend("site", 9101), route("all", rule("site", filters=filters))])
    )
    code, output, errors = run("check", "-f", file)
    assert code == 2
    assert f'header "{name}" cannot be changed' in (output + errors).replace("`", '"')


@pytest.mark.parametrize("own", ["admin", "listener"])
def test_a_backend_that_is_the_gateway_itself_is_refused(tmp_path, own):
    ports = {"admin": free_port(), "listener": free_port()}
    file = tmp_path / "mesh.yaml"
    resources = [backend("self", ports[own]), route("all", rule("self"))]
    file.write_text(text([gateway(ports["listener"]), *resources]))
    code, _, errors = run("up", "-f", file, "--admin", f"{HOST}:{ports['admin']}")
    assert code == 2
    assert f"{HOST}:{ports[own]}" in errors
    assert "this pinion itself" in errors


def test_a_credential_with_a_line_end_is_not_used(start, serve):
    upstream = serve()
    pinion = start(
        backend("site", upstream.port, credential={"env": "E2E_SPLIT_KEY"}),
        route("all", rule("site")),
        environment={"E2E_SPLIT_KEY": "canary-key\r\nx-evil: 1"},
    )
    status, _, body = pinion.request("GET", "/")
    assert status == 500
    assert b"credential" in body
    assert b"canary" not in body
    assert upstream.requests == []
    assert "canary" not in pinion.output()
