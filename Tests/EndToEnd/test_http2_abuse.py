# SPDX-License-Identifier: Apache-2.0
"""What a hostile caller of HTTP/2 can do: each attack is ended within a second, holds little memory
and does not disturb others. The rows are those that have names of their own (CVE-2023-44487 and its
kin), sent by a client that only writes frames."""

import os
import struct
import time

import hpack
import pytest

from children import wait_until
from configuration import backend, mesh, route, rule
from http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Http2,
    Raw,
    frame,
)
from wire import reply

CALM, PROTOCOL = 11, 1
MEBIBYTE = 1024 * 1024


@pytest.fixture
def gateway(start, serve):
    """A gateway in front of an upstream that answers with a few bytes."""
    upstream = serve(lambda *_: reply(b"hello"))
    gateway = start(backend("one", upstream.port), route("all", rule("one")))
    gateway.upstream = upstream
    return gateway


@pytest.fixture
def innocent(gateway):
    """A connection that was there before, and must be served as before."""
    with Http2(gateway.port) as client:
        assert client.request("GET", "/").status == 200
        yield client
        assert client.request("GET", "/").status == 200


def head(encoder=None, fields=(), path="/"):
    """The block of a small request."""
    encoder = encoder or hpack.Encoder()
    plain = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)]
    return encoder.encode([*plain, *fields], huffman=False)


def cpu(pid):
    """Seconds of processor time."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        parts = stat.read().rsplit(") ", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Measures what an attack costs the gateway."""

    def __init__(self, gateway):
        self.gateway = gateway

    def __enter__(self):
        self.memory = self.gateway.resident_bytes()
        self.began = time.monotonic()
        self.spent = cpu(self.gateway.process.pid)
        return self

    def __exit__(self, *_):
        self.memory = self.gateway.resident_bytes() - self.memory
        self.seconds = time.monotonic() - self.began
        self.spent = cpu(self.gateway.process.pid) - self.spent


def attack(gateway, data, seconds=3, **options):
    """Sends `data` piece by piece until the peer has enough: the frames that came."""
    with Raw(gateway.port, **options) as client:
        for piece in data:
            if not client.send(piece):
                break
        frames = client.frames(seconds)
        assert client.is_closed, "the connection is still open"
        return frames


def test_rapid_reset(gateway, innocent):
    encoder = hpack.Encoder()

    def flood():
        for number in range(1, 40_000, 2):
            yield frame(HEADERS, END_HEADERS | END_STREAM, number, head(encoder)) + frame(
                RST_STREAM, 0, number, struct.pack(">I", 8)
            )

    with Watch(gateway) as watch:
        frames = attack(gateway, flood())
    assert Raw.goaway(frames) in (CALM, None)
    assert gateway.upstream.begun < 1000
    assert watch.memory < 4 * MEBIBYTE


def test_resets_that_the_gateway_is_made_to_send(gateway, innocent):
    """MadeYouReset, CVE-2025-8671: each request is valid and then made to fail."""
    encoder = hpack.Encoder()

    def flood():
        for number in range(1, 40_000, 2):
            yield frame(HEADERS, END_HEADERS | END_STREAM, number, head(encoder)) + frame(
                WINDOW_UPDATE, 0, number, struct.pack(">I", 0)
            )

    frames = attack(gateway, flood())
    assert Raw.goaway(frames) in (CALM, PROTOCOL, None)
    assert gateway.upstream.begun < 1000


def test_malformed_requests_in_a_row(gateway, innocent):
    encoder = hpack.Encoder()

    def flood():
        for number in range(1, 4_000, 2):
            block = head(encoder, [("connection", "close")])
            yield frame(HEADERS, END_HEADERS | END_STREAM, number, block)

    assert Raw.goaway(attack(gateway, flood())) in (CALM, None)
    assert gateway.upstream.begun == 1


@pytest.mark.parametrize("size", [0, 1, 8192], ids=["empty", "one byte", "8 KiB"])
def test_continuation_flood(gateway, innocent, size):
    def flood():
        yield frame(HEADERS, END_STREAM, 1, head())
        for _ in range(20_000):
            yield frame(CONTINUATION, 0, 1, b"\x00" * size)

    with Watch(gateway) as watch:
        frames = attack(gateway, flood())
    assert Raw.goaway(frames) in (CALM, PROTOCOL, None)
    assert watch.memory < 4 * MEBIBYTE


def test_hpack_bomb(gateway, innocent):
    """One large entry in the table, then a head of references to it: 4 KiB each a byte."""

    def flood():
        first = hpack.Encoder()
        block = head(first, [("x-big", "a" * 3000)])
        yield frame(HEADERS, END_HEADERS | END_STREAM, 1, block)
        # Index 62 is the newest entry of the table.
        yield frame(HEADERS, END_HEADERS | END_STREAM, 3, head() + b"\xbe" * 16_000)

    with Watch(gateway) as watch:
        frames = attack(gateway, flood())
    assert any(kind == 7 for kind, *_ in frames)
    assert watch.memory < 4 * MEBIBYTE


def test_http2_bomb(gateway, innocent):
    """Many streams whose heads are references of a byte, window 0, held open."""
    encoder = hpack.Encoder()
    settings = struct.pack(">HI", 4, 0)

    def flood():
        yield frame(HEADERS, END_HEADERS | END_STREAM, 1, head(encoder, [("x", "")]))
        for number in range(3, 181, 2):
            yield frame(HEADERS, END_HEADERS | END_STREAM, number, head(encoder) + b"\xbe" * 16_000)

    with Watch(gateway) as watch:
        frames = attack(gateway, flood(), settings=settings)
    assert any(kind == 7 for kind, *_ in frames)
    assert watch.memory < 4 * MEBIBYTE


@pytest.mark.parametrize(
    "unit",
    [frame(SETTINGS), frame(PING, payload=b"12345678"), frame(PRIORITY, 0, 1, b"\0\0\0\0\1")],
    ids=["SETTINGS", "PING", "PRIORITY"],
)
def test_control_floods(gateway, innocent, unit):
    with Watch(gateway) as watch:
        frames = attack(gateway, [unit * 1000] * 100)
    assert Raw.goaway(frames) in (CALM, None)
    assert watch.memory < 4 * MEBIBYTE


def test_pings_whose_answers_are_not_read(gateway, innocent):
    with Watch(gateway) as watch, Raw(gateway.port, receive_buffer=4096) as client:
        client.socket.settimeout(3)
        for _ in range(200):
            if not client.send(frame(PING, payload=b"12345678") * 1000):
                break
        client.frames()
        assert client.is_closed
    assert watch.memory < 4 * MEBIBYTE


def test_window_update_flood(gateway, innocent):
    unit = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))
    frames = attack(gateway, [unit * 1000] * 200)
    assert Raw.goaway(frames) in (CALM, None)


def test_empty_data_flood(gateway, innocent):
    def flood():
        block = hpack.Encoder().encode(
            [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
        )
        yield frame(HEADERS, END_HEADERS, 1, block)
        for _ in range(100):
            yield frame(DATA, 0, 1) * 1000

    assert Raw.goaway(attack(gateway, flood())) in (CALM, None)


def test_answers_that_are_never_read(start, serve):
    """50 large answers, and a caller that reads none of them: little is fetched, and it ends."""
    upstream = serve(lambda *_: reply(b"x" * (20 * MEBIBYTE)))
    gateway = start(
        mesh(drainTimeout="1s", limits={"idleTimeout": "2s"}),
        backend("one", upstream.port),
        route("all", rule("one")),
    )
    encoder = hpack.Encoder()
    with Watch(gateway) as watch, Raw(gateway.port, receive_buffer=4096) as client:
        for number in range(1, 101, 2):
            client.send(frame(HEADERS, END_HEADERS | END_STREAM, number, head(encoder)))
        wait_until(lambda: upstream.begun >= 50, "all have begun")
        time.sleep(0.5)
        during = gateway.resident_bytes() - watch.memory
        # What waits is bounded for each stream and for all together.
        assert during < 12 * MEBIBYTE
        wait_until(lambda: not upstream.open, "the endpoints' connections are given up", 10)


def test_bytes_that_trickle(start, serve):
    """A connection without a request is idle, whatever it sends."""
    upstream = serve()
    gateway = start(
        mesh(drainTimeout="1s", limits={"idleTimeout": "1s", "headTimeout": "1s"}),
        backend("one", upstream.port),
        route("all", rule("one")),
    )
    with Raw(gateway.port) as client:
        began = time.monotonic()
        block = head()
        for byte in frame(HEADERS, END_STREAM, 1, block) * 20:
            if not client.send(bytes([byte])):
                break
            time.sleep(0.1)
        assert time.monotonic() - began < 5


def test_too_many_streams_at_once(gateway, innocent):
    encoder = hpack.Encoder()
    encoder_fields = [
        (":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")
    ]
    with Raw(gateway.port) as client:
        for number in range(1, 301, 2):
            client.send(frame(HEADERS, END_HEADERS, number, encoder.encode(encoder_fields)))
        frames = client.frames(1)
    refused = [stream for kind, _, stream, _ in frames if kind == RST_STREAM]
    assert len(refused) >= 50 or client.is_closed


def test_pings_of_a_client_that_measures_its_bandwidth(gateway):
    """grpc-go sends a PING for nearly every read: thousands of them are well."""
    with Raw(gateway.port) as client:
        got = 0
        for _ in range(30):
            client.send(frame(PING, payload=b"12345678") * 50)
            frames = client.frames(0.1)
            got += sum(1 for kind, flags, *_ in frames if kind == PING and flags & ACK)
            assert Raw.goaway(frames) is None
        assert got >= 1400
        assert not client.is_closed
