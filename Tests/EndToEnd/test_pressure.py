# SPDX-License-Identifier: Apache-2.0
"""Peers that are slow, or gone."""

import json
import socket
import threading

import pytest

from children import HOST, wait_until
from configuration import ai_backend, backend, model, path, route, rule, target
from wire import STREAM_HEAD, Wire, chunk, delta

CHAT = json.dumps(
    {"model": "chat", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
)
ASK_CHAT = (
    "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\n"
    f"content-length: {len(CHAT)}\n\n{CHAT}"
)
ASK_PLAIN = "GET /plain HTTP/1.1\nhost: a\n\n"
STREAMS = 32

# What one such stream may cost: the buffers of its two sockets. The upstream is ready to send any
# amount, and the kernel takes about 3 MiB of it.
STREAM_BYTES_MAX = 256 * 1024


class Endless:
    """An upstream's answer that never ends, and how much of it was taken."""

    def __init__(self):
        self.sent = 0
        self.lock = threading.Lock()

    def __call__(self, _, connection):
        # A small send buffer: what this side's kernel takes says nothing about the gateway.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        connection.sendall(STREAM_HEAD)
        # Large events, so that the kernel's buffers on the other side are soon full.
        piece = chunk(delta("word " * 3000))
        while True:
            connection.sendall(piece)
            with self.lock:
                self.sent += len(piece)


@pytest.mark.parametrize("ask", [ASK_PLAIN, ASK_CHAT], ids=["plain", "chat"])
def test_readers_that_do_not_read_cost_no_memory(start, serve, ask):
    endless = Endless()
    upstream = serve(endless)
    gateway = start(
        ai_backend("servers", upstream.port),
        model("chat", target("servers")),
        backend("plain", upstream.port),
        route("site", rule("plain", matches=[path("/plain")])),
    )

    def settle():
        """Waits until the upstream can send no more."""
        seen = [-1, 0]

        def unchanged():
            seen[0], seen[1] = seen[1], endless.sent
            return seen[0] == seen[1] > 0

        wait_until(unchanged, "back-pressure at the upstream", seconds=20, every=0.3)

    def open_reader():
        reader = Wire(gateway.port, receive_buffer=4096)
        reader.send(ask)
        return reader

    readers = [open_reader() for _ in range(3)]
    settle()
    before = gateway.resident_bytes()
    sent_before = endless.sent
    readers += [open_reader() for _ in range(STREAMS)]
    wait_until(lambda: endless.sent > sent_before, "the streams to begin")
    settle()
    grown = gateway.resident_bytes() - before
    for reader in readers:
        reader.close()
    assert grown < STREAMS * STREAM_BYTES_MAX, f"{grown // STREAMS // 1024} KiB for each stream"


def test_a_caller_that_leaves_ends_the_work_upstream(start, simulate):
    sim = simulate("tiny")
    gateway = start(ai_backend("servers", sim.port), model("chat", target("servers", model="tiny")))
    client = Wire(gateway.port)
    slow = "x-sim-tokens: 10000\nx-sim-interval-ms: 20\n"
    client.send(ASK_CHAT.replace("content-type", slow + "content-type"))
    assert client.stream.read(600)
    assert sim.stats()["cancelled"] == 0
    client.close()
    wait_until(lambda: sim.stats()["cancelled"] == 1, "the cancellation", seconds=1)


def test_a_caller_that_leaves_before_the_answer_ends_the_work_upstream(start, simulate):
    sim = simulate("tiny")
    gateway = start(ai_backend("servers", sim.port), model("chat", target("servers", model="tiny")))
    client = Wire(gateway.port)
    client.send(ASK_CHAT.replace("content-type", "x-sim-stall-after: 0\ncontent-type"))
    wait_until(lambda: sim.requests(), "the request")
    client.close()
    wait_until(lambda: sim.stats()["cancelled"] == 1, "the cancellation", seconds=1)


def test_an_upload_waits_for_a_slow_upstream(start):
    # Connections wait in the listener's queue: they are made, and nothing is ever read.
    with socket.create_server((HOST, 0)) as listener:
        gateway = start(
            backend("slow", listener.getsockname()[1]), route("site", rule("slow"))
        )
        before = gateway.resident_bytes()
        with Wire(gateway.port, timeout=2) as client:
            client.send("POST / HTTP/1.1\nhost: a\ncontent-length: 1000000000\n\n")
            with pytest.raises(TimeoutError):
                while True:
                    client.send(b"x" * 65536)
            grown = gateway.resident_bytes() - before
    assert grown < 4 * 1024 * 1024, f"{grown / 1048576:.1f} MiB"
