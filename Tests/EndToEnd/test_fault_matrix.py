# SPDX-License-Identifier: Apache-2.0
"""Every misbehaviour of a model server, in streams and documents, with nothing behind it, with a
fallback, and with a fallback that goes on with what was begun: what the caller gets.
"""

import json

import pytest

import configuration
from chats import TEXT, TOKENS
from configuration import ai_backend, model, policy, target
from faults import FAULTS
from pinion import Pinion
from surfaces import SURFACES, good
from wire import Closed, Upstream, Wire, read_chunks, read_head, read_body

MODES = ("alone", "covered", "continued")
# A report of the server's own is an end that nobody takes for a good one.
REPORTS = ("error-event", "fails-midway")


def cells():
    """(fault, surface, whether streamed, mode): what strikes in the middle can be continued."""
    for entry in FAULTS:
        for surface in entry.surfaces:
            for stream in entry.streams:
                for mode in MODES:
                    if mode != "continued" or stream:
                        yield entry, surface, stream, mode


def name(entry, surface, stream, mode):
    """What the cell's resources are called."""
    return f"{entry.name}-{surface.name}-{'stream' if stream else 'document'}-{mode}"


class Matrix:
    """One gateway with a model for each cell, and the servers behind them."""

    def __init__(self, folder):
        self.good = Upstream(good)
        self.faulty = {entry.name: Upstream(entry.answer) for entry in FAULTS}
        resources = [
            ai_backend("good", self.good.port),
            configuration.mesh(drainTimeout="1s", limits={"eventBytes": "64Ki"}),
        ]
        for entry, surface, stream, mode in cells():
            resources += self.cell(entry, name(entry, surface, stream, mode), mode)
        self.pinion = Pinion(folder / "matrix", resources)

    def cell(self, entry, called, mode):
        """The resources of one cell; each has a backend of its own, so that none is spoilt."""
        options = {}
        if mode != "alone":
            options["fallbacks"] = [
                {**target("good"), "capabilities": {"prefill": "AssistantMessage"}}
            ]
        settings = {
            "timeouts": {"firstByte": "400ms", "streamIdle": "400ms"},
            "retry": {"attempts": 1},
        }
        if mode == "continued":
            settings["continuation"] = {"attempts": 2}
        return [
            ai_backend(called, self.faulty[entry.name].port),
            model(called, target(called), **options),
            policy("Model", called, **settings),
        ]

    def end(self):
        """Ends everything that was started."""
        try:
            self.pinion.end()
        finally:
            for upstream in [self.good, *self.faulty.values()]:
                upstream.end()


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    """The gateway and its servers, for the whole module."""
    made = Matrix(tmp_path_factory.mktemp("faults"))
    yield made
    made.end()


class Received:
    """What a caller got: the head, the payload, and whether its framing came to its end."""

    def __init__(self, port, called, surface, stream):
        self.surface = surface
        body = json.dumps({"model": called, "stream": stream, **surface.question()})
        with Wire(port, timeout=15) as client:
            client.send(
                f"POST {surface.path} HTTP/1.1\nhost: a\ncontent-type: application/json\n"
                f"content-length: {len(body)}\n\n{body}"
            )
            self.head = read_head(client.stream)
            self.payload, self.is_whole = b"", True
            try:
                if (self.head.field("transfer-encoding") or "") == "chunked":
                    for part in read_chunks(client.stream):
                        self.payload += part
                else:
                    self.payload = read_body(client.stream, self.head).body
            except (Closed, ValueError, ConnectionError):
                self.is_whole = False

    @property
    def status(self):
        """The status."""
        return self.head.status

    @property
    def events(self):
        """The data of every event, JSON where it is; a malformed one fails the test."""
        found = []
        for part in self.payload.split(b"\n\n"):
            for line in part.splitlines():
                if line.startswith(b"data: "):
                    data = line.removeprefix(b"data: ")
                    found.append("[DONE]" if data == b"[DONE]" else json.loads(data))
        return found

    @property
    def text(self):
        """The text of a stream."""
        return "".join(
            self.surface.heard(entry) for entry in self.events if isinstance(entry, dict)
        )

    @property
    def error(self):
        """The error object of a refusal, or of a stream that ended with one."""
        if "event-stream" in (self.head.field("content-type") or ""):
            last = self.events[-1] if self.events else {}
            if not isinstance(last, dict):
                return None
            return last.get("error") or last.get("response", {}).get("error")
        return json.loads(self.payload).get("error")


@pytest.mark.parametrize("cell", list(cells()), ids=lambda cell: name(*cell))
def test_whatever_a_server_does_the_caller_gets_an_answer_or_a_clear_word(matrix, cell):
    entry, surface, stream, mode = cell
    helped = len(matrix.good.requests)
    got = Received(matrix.pinion.port, name(*cell), surface, stream)
    helped = len(matrix.good.requests) - helped
    if entry.kind == "harmless":
        assert helped == 0
        expect_whole(got, stream)
    elif entry.kind == "caller":
        assert helped == 0, "nobody else was to be asked"
        assert got.status == entry.status
        assert got.is_whole
    elif entry.kind == "before" and mode == "alone":
        assert got.status == entry.status, got.payload
        assert got.is_whole
        if "json" in got.head.field("content-type"):
            assert got.error["message"]
    elif entry.kind == "before":
        assert helped == 1
        expect_whole(got, stream)
        assert got.head.field("x-pinion-attempts") == "2"
        assert got.head.field("x-pinion-backend") == "default/good"
    elif mode == "continued":
        assert helped == 1
        expect_whole(got, stream)
    else:
        assert helped == 0, "another server cannot be asked without saying things twice"
        assert got.status == 200
        assert got.text == "".join(TOKENS[:3])
        assert "[DONE]" not in got.events
        assert got.error["message"]
        assert not got.is_whole or entry.name in REPORTS


def expect_whole(got, stream):
    """The caller got the whole text, in the form of one answer of one server."""
    assert got.status == 200, got.payload
    assert got.is_whole
    if not stream:
        assert got.surface.text_of(json.loads(got.payload)) == TEXT
        return
    assert got.text == TEXT
    got.surface.expect_one(got.events)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_there_are_enough_misbehaviours(surface):
    mine = [entry for entry in FAULTS if surface in entry.surfaces]
    assert len([entry for entry in mine if entry.kind != "harmless"]) >= 24
    assert len(FAULTS) >= 25
