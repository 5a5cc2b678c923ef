# SPDX-License-Identifier: Apache-2.0
"""The many ways in which a model server does not do what it should.

Each `Fault` is a function that writes bytes to a connection in the place of `surfaces.good`.
"""

import dataclasses
import json
import socket
import struct
from collections.abc import Callable

from chats import DONE, TOKENS, Request, event
from surfaces import SURFACES, Chat, Response, begun, good, surface_of
from wire import STREAM_HEAD, chunk, reply


def reset(connection):
    """Ends the connection by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silence(connection):
    """Sends nothing more until the peer leaves."""
    connection.settimeout(20)
    try:
        connection.recv(1)
    except OSError:
        pass


def json_reply(status, body, **fields):
    """An error answer with a JSON body."""
    return reply(json.dumps(body).encode(), status, content_type="application/json", **fields)


def error(status, message, **fields):
    """An error answer in OpenAI's shape."""
    return json_reply(status, {"error": {"message": message, "type": "error", **fields}})


@dataclasses.dataclass
class Fault:
    """One misbehaviour.

    `kind` says what must come of it. `before`: nothing reached the caller, so a fallback answers.
    `during`: the caller has the beginning of a stream. `caller`: the request is at fault, so the
    answer passes and nothing else is asked. `harmless`: the answer passes as if nothing were.
    `surfaces` are those on which it looks different.
    """

    name: str
    kind: str
    answer: Callable
    streams: tuple = (False, True)
    status: int | None = None
    surfaces: tuple = (Chat,)


FAULTS = []


def fault(kind, streams=(False, True), status=None, surfaces=(Chat,)):
    """Adds a misbehaviour; `status` is what a caller without a fallback must see."""

    def add(function):
        name = function.__name__.replace("_", "-")
        FAULTS.append(Fault(name, kind, function, streams, status, surfaces))
        return function

    return add


# --- No answer ----------------------------------------------------------------------------


@fault("before", status=502)
def closes(message, connection):
    """Closes the connection in the place of an answer."""


@fault("before", status=502)
def resets(message, connection):
    """Resets it."""
    reset(connection)


@fault("before", status=504)
def is_silent(message, connection):
    """Reads the request and says nothing."""
    silence(connection)


@fault("before", status=502)
def half_a_head(message, connection):
    """Ends in the middle of the head."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-ty")


@fault("before", status=504)
def half_a_head_then_silence(message, connection):
    """Stops in the middle of the head."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-ty")
    silence(connection)


@fault("before", status=502)
def garbage(message, connection):
    """Does not speak HTTP."""
    return b"220 mail.example ESMTP ready\r\n\r\n"


@fault("before", status=502)
def huge_head(message, connection):
    """Sends a head without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"x-padding: " + b"a" * 80_000 + b"\r\n\r\n")
    silence(connection)


@fault("before", status=502)
def two_lengths(message, connection):
    """Announces two lengths, as those do who smuggle."""
    body = Chat.document()
    return (
        f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\ncontent-length: 3\r\n\r\n".encode()
        + body
    )


@fault("before", status=502)
def interim_answers_for_ever(message, connection):
    """Says 100 Continue without end."""
    for _ in range(50):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    silence(connection)


# --- Statuses -----------------------------------------------------------------------------


@fault("before", status=500)
def status_500(message, connection):
    """Fails."""
    return error("500 Internal Server Error", "out of memory")


@fault("before", status=502)
def status_502_page(message, connection):
    """Is hidden behind a proxy that shows a page."""
    return reply(b"<html>bad gateway</html>", "502 Bad Gateway", content_type="text/html")


@fault("before", status=503)
def status_503(message, connection):
    """Is not ready."""
    return error("503 Service Unavailable", "loading model")


@fault("before", status=529)
def status_529(message, connection):
    """Is overloaded, as Anthropic says it."""
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    return json_reply("529 Overloaded", body)


@fault("before", status=429)
def status_429(message, connection):
    """Takes no more for now."""
    return error("429 Too Many Requests", "slow down", code="rate_limit_exceeded")


@fault("before", status=429)
def status_429_for_an_hour(message, connection):
    """Takes no more for a long time."""
    body = {"error": {"message": "quota", "type": "insufficient_quota"}}
    return json_reply("429 Too Many Requests", body, retry_after="3600")


@fault("before", status=404)
def model_is_unknown_there(message, connection):
    """Does not have the model."""
    return error("404 Not Found", "the model does not exist", code="model_not_found")


@fault("before", status=502)
def redirects(message, connection):
    """Sends the caller elsewhere."""
    return reply(b"", "307 Temporary Redirect", location="http://203.0.113.9/steal")


@fault("caller", status=400)
def request_is_invalid(message, connection):
    """Finds the request wrong."""
    return error("400 Bad Request", "temperature must be at most 2", param="temperature")


@fault("caller", status=400)
def content_policy(message, connection):
    """Refuses to answer."""
    return error("400 Bad Request", "flagged", code="content_policy_violation")


@fault("caller", status=422)
def request_is_unprocessable(message, connection):
    """Finds the request wrong, as FastAPI says it."""
    return json_reply("422 Unprocessable Entity", {"detail": "field required"})


@fault("caller", status=401)
def callers_key_is_wrong(message, connection):
    """Does not know the caller's own key, which no credential of the mesh replaced."""
    return error("401 Unauthorized", "Incorrect API key provided", code="invalid_api_key")


@fault("caller", status=400)
def context_is_too_long(message, connection):
    """Has no room for the prompt; the fallback is not known to have more."""
    return error("400 Bad Request", "too long", code="context_length_exceeded")


# --- Answers that are none ----------------------------------------------------------------


@fault("before", status=502)
def page(message, connection):
    """Shows a page in the place of an answer."""
    return reply(b"<html>please log in</html>", content_type="text/html")


@fault("before", status=502, surfaces=SURFACES)
def nothing_at_all(message, connection):
    """Answers well, with nothing."""
    return reply(b"", content_type="application/json")


@fault("before", status=502, surfaces=SURFACES)
def other_form(message, connection):
    """A document for a stream, a stream for a document."""
    if Request(message).stream:
        return reply(surface_of(message).document(), content_type="application/json")
    return STREAM_HEAD + chunk(surface_of(message).stream().token("x")) + surface_of(message).tail


@fault("before", streams=(False,), status=502, surfaces=SURFACES)
def cut_document(message, connection):
    """Ends in the middle of the document."""
    body = surface_of(message).document()
    connection.sendall(reply(body, content_type="application/json")[: -len(body) // 2])


@fault("before", streams=(False,), status=502, surfaces=SURFACES)
def reset_document(message, connection):
    """Is killed in the middle of the document."""
    body = surface_of(message).document()
    connection.sendall(reply(body, content_type="application/json")[: -len(body) // 2])
    reset(connection)


@fault("before", streams=(False,), status=504, surfaces=SURFACES)
def stalled_document(message, connection):
    """Stops in the middle of the document."""
    body = surface_of(message).document()
    connection.sendall(reply(body, content_type="application/json")[: -len(body) // 2])
    silence(connection)


@fault("before", streams=(False,), status=502, surfaces=SURFACES)
def half_a_document(message, connection):
    """Says that half a document is all of it."""
    return reply(surface_of(message).document()[:80], content_type="application/json")


@fault("before", streams=(False,), status=502, surfaces=SURFACES)
def error_with_200(message, connection):
    """Reports a failure as a success."""
    return json_reply("200 OK", {"error": {"message": "worker died", "code": 500}})


@fault("before", streams=(False,), status=502, surfaces=SURFACES)
def bad_chunk_in_document(message, connection):
    """Frames the document wrongly."""
    head = STREAM_HEAD.replace(b"text/event-stream", b"application/json")
    return head + chunk(surface_of(message).document()[:50]) + b"zz\r\nnonsense"


# --- Streams that break before their first event ------------------------------------------


@fault("before", streams=(True,), status=502, surfaces=SURFACES)
def ends_before_the_first_event(message, connection):
    """Promises a stream and leaves."""
    connection.sendall(STREAM_HEAD)


@fault("before", streams=(True,), status=504, surfaces=SURFACES)
def stalls_before_the_first_event(message, connection):
    """Promises a stream and says nothing."""
    connection.sendall(STREAM_HEAD + chunk(b": waiting\n\n"))
    silence(connection)


@fault("before", streams=(True,), status=502, surfaces=SURFACES)
def ends_without_a_word(message, connection):
    """Ends the stream in order, without an event."""
    return STREAM_HEAD + b"0\r\n\r\n"


@fault("before", streams=(True,), status=502, surfaces=SURFACES)
def nothing_but_done(message, connection):
    """Says nothing but that it is done."""
    return STREAM_HEAD + surface_of(message).tail


@fault("before", streams=(True,), status=503, surfaces=SURFACES)
def error_as_first_event(message, connection):
    """Reports a failure in the stream, before anything else."""
    report = {"error": {"message": "engine is dead", "code": 503}}
    return STREAM_HEAD + chunk(event(report)) + surface_of(message).tail


@fault("before", streams=(True,), status=502, surfaces=SURFACES)
def first_event_is_no_json(message, connection):
    """Begins with what is not JSON."""
    return STREAM_HEAD + chunk(event(b"{not json}")) + surface_of(message).tail


@fault("before", streams=(True,), status=502, surfaces=(Response,))
def cut_when_opened(message, connection):
    """Says that there will be an answer, and leaves."""
    connection.sendall(STREAM_HEAD + chunk(Response.stream().opened()))


@fault("before", streams=(True,), status=504, surfaces=(Response,))
def stalls_when_opened(message, connection):
    """Says that there will be an answer, and nothing more."""
    connection.sendall(STREAM_HEAD + chunk(Response.stream().opened()))
    silence(connection)


@fault("before", streams=(True,), status=502, surfaces=(Response,))
def fails_when_opened(message, connection):
    """Says that there will be an answer, and then that there will be none."""
    stream = Response.stream()
    return STREAM_HEAD + chunk(stream.opened()) + chunk(failed(stream)) + Response.tail


@fault("before", streams=(True,), status=502, surfaces=(Response,))
def error_when_opened(message, connection):
    """The same in the other form that there is for it."""
    stream = Response.stream()
    opened = chunk(stream.opened())
    report = stream.event("error", code="server_error", message="engine is dead", param=None)
    return STREAM_HEAD + opened + chunk(report) + Response.tail


def failed(stream):
    """The event that says that a response failed."""
    report = {"code": "server_error", "message": "engine is dead"}
    response = {**stream.response("failed", []), "error": report}
    return stream.event("response.failed", response=response)


# --- Streams that break after the caller was given some of them ---------------------------


@fault("during", streams=(True,), surfaces=SURFACES)
def cut(message, connection):
    """Ends in the middle of the framing."""
    begun(message, connection)


@fault("during", streams=(True,), surfaces=SURFACES)
def reset_midway(message, connection):
    """Is killed."""
    begun(message, connection)
    silence_until_read(connection)
    reset(connection)


def silence_until_read(connection):
    """Gives the peer time to read, for a reset throws away what it has not."""
    # The peer sends nothing; a short time-out is all there is to wait for.
    connection.settimeout(0.2)
    try:
        connection.recv(1)
    except OSError:
        pass


@fault("during", streams=(True,), surfaces=SURFACES)
def stall(message, connection):
    """Stops and keeps the connection."""
    begun(message, connection)
    silence(connection)


@fault("during", streams=(True,), surfaces=SURFACES)
def cut_in_an_event(message, connection):
    """Ends in the middle of an event."""
    stream = begun(message, connection)
    connection.sendall(chunk(stream.token(" lost")[:30]))


@fault("during", streams=(True,), surfaces=SURFACES)
def proper_end_without_a_reason(message, connection):
    """Ends the framing in order, but not the answer."""
    begun(message, connection)
    return b"0\r\n\r\n"


@fault("during", streams=(True,), surfaces=SURFACES)
def malformed_event(message, connection):
    """Sends an event that is not JSON, and goes on."""
    stream = begun(message, connection)
    connection.sendall(chunk(event(b"{not json}")))
    return chunk(stream.token(" more")) + chunk(stream.finish()) + surface_of(message).tail


@fault("during", streams=(True,), surfaces=SURFACES)
def truncated_event(message, connection):
    """Sends half an event with a proper end, as a proxy that was cut off does."""
    stream = begun(message, connection)
    connection.sendall(chunk(stream.token(" half").rstrip()[:-20] + b"\n\n"))
    silence(connection)


@fault("during", streams=(True,), surfaces=SURFACES)
def error_event(message, connection):
    """Reports a failure in the middle."""
    begun(message, connection)
    report = {"error": {"message": "engine is dead", "code": 500}}
    return chunk(event(report)) + b"0\r\n\r\n"


@fault("during", streams=(True,), surfaces=(Response,))
def fails_midway(message, connection):
    """Says in the middle that there will be no answer."""
    return chunk(failed(begun(message, connection))) + b"0\r\n\r\n"


@fault("during", streams=(True,), surfaces=(Response,))
def done_before_the_end(message, connection):
    """Says that nothing follows, without the event that ends a response."""
    begun(message, connection)
    return chunk(DONE) + b"0\r\n\r\n"


@fault("during", streams=(True,), surfaces=SURFACES)
def bad_chunk(message, connection):
    """Frames wrongly from here on."""
    begun(message, connection)
    return b"zz\r\nnonsense\r\n"


@fault("during", streams=(True,), surfaces=SURFACES)
def endless_event(message, connection):
    """Sends an event that does not end."""
    begun(message, connection)
    connection.sendall(chunk(b"data: " + b"a" * 400_000))
    silence(connection)


# --- Odd, and no reason to fail -----------------------------------------------------------


@fault("harmless", streams=(True,), surfaces=SURFACES)
def byte_by_byte(message, connection):
    """Sends each byte by itself."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in good(message, connection):
        connection.sendall(bytes([byte]))
    return b""


@fault("harmless", streams=(True,), surfaces=SURFACES)
def done_is_missing(message, connection):
    """Ends in order without its last event."""
    return good(message, connection).replace(chunk(DONE), b"")


@fault("harmless", streams=(True,), surfaces=SURFACES)
def framing_ends_early(message, connection):
    """Says all and then ends the connection without the last chunk."""
    connection.sendall(good(message, connection).removesuffix(b"0\r\n\r\n"))


@fault("harmless", streams=(True,), surfaces=SURFACES)
def talks_on_behind_done(message, connection):
    """Sends events behind the one that says that nothing follows."""
    more = chunk(surface_of(message).stream().token(" and more")) + chunk(DONE)
    return good(message, connection).removesuffix(b"0\r\n\r\n") + more + b"0\r\n\r\n"


@fault("harmless", streams=(True,), surfaces=SURFACES)
def comments_and_carriage_returns(message, connection):
    """Keeps the connection alive by comments and ends lines as Windows does."""
    stream = surface_of(message).stream()
    lines = [b": ping\n\n", stream.role(), b": ping\n\n", *map(stream.token, TOKENS)]
    lines += [stream.finish(), DONE]
    body = b"".join(lines).replace(b"\n", b"\r\n")
    return STREAM_HEAD + chunk(b"\xef\xbb\xbf" + body) + b"0\r\n\r\n"


@fault("harmless", streams=(True,), surfaces=SURFACES)
def ends_by_close(message, connection):
    """Marks the end of the stream by that of the connection."""
    stream = surface_of(message).stream()
    events = [stream.role(), *map(stream.token, TOKENS), stream.finish(), DONE]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    connection.sendall(head + b"".join(events))


@fault("harmless", streams=(False,), surfaces=SURFACES)
def bytes_behind_the_document(message, connection):
    """Sends more than it announced."""
    return good(message, connection) + b"HTTP/1.1 200 OK\r\n"


@fault("harmless", surfaces=SURFACES)
def early_hints(message, connection):
    """Sends an interim answer first."""
    connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    return good(message, connection)
