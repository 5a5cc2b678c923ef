# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 by hand: a client that sends any bytes, and an upstream that a test scripts."""

import dataclasses
import json
import socket
import threading

from children import HOST


@dataclasses.dataclass
class Message:
    """A request or an answer as it came."""

    start: str
    fields: list
    body: bytes = b""

    def field(self, name):
        """The first value of the field `name`, or None."""
        return next((value for key, value in self.fields if key.lower() == name), None)

    @property
    def status(self):
        """The status of an answer."""
        return int(self.start.split(" ")[1])

    @property
    def method(self):
        """The method of a request."""
        return self.start.split(" ")[0]

    @property
    def target(self):
        """The target of a request."""
        return self.start.split(" ")[1]


class Closed(Exception):
    """The peer ended the connection where a message should go on."""


def read_line(stream):
    """One line without its end."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise Closed(line)
    return line.rstrip(b"\r\n").decode("latin-1")


def read_exactly(stream, count):
    """`count` bytes."""
    data = stream.read(count)
    if len(data) < count:
        raise Closed(data)
    return data


def read_head(stream):
    """A start line and fields."""
    message = Message(read_line(stream), [])
    while line := read_line(stream):
        name, _, value = line.partition(":")
        message.fields.append((name, value.strip()))
    return message


def read_chunks(stream):
    """Yields the chunks of a chunked body to its proper end."""
    while size := int(read_line(stream).split(";")[0], 16):
        yield read_exactly(stream, size)
        read_line(stream)
    while read_line(stream):
        pass


def read_body(stream, message, bodiless=False):
    """Completes `message` with its body."""
    if bodiless:
        return message
    if (message.field("transfer-encoding") or "").lower() == "chunked":
        message.body = b"".join(read_chunks(stream))
    elif message.field("content-length"):
        message.body = read_exactly(stream, int(message.field("content-length")))
    elif message.start.startswith("HTTP/"):
        message.body = stream.read()
    return message


class Wire:
    """A client connection that sends what it is told to, byte for byte."""

    def __init__(self, port, timeout=5, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((HOST, port))
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        """Sends `data`; text is sent with its line ends made CRLF."""
        if isinstance(data, str):
            data = data.replace("\n", "\r\n").encode("latin-1")
        self.socket.sendall(data)

    def answer(self, bodiless=False):
        """The next answer, interim ones included."""
        message = read_head(self.stream)
        empty = message.status < 200 or message.status in (204, 304)
        return read_body(self.stream, message, bodiless or empty)

    def is_closed(self):
        """Whether the peer has ended the connection and sent nothing before."""
        try:
            return self.stream.read(1) == b""
        except ConnectionError:
            return True

    def close(self):
        """Ends the connection."""
        self.stream.close()
        self.socket.close()


def reply(body=b"", status="200 OK", **fields):
    """An answer with a length."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def echo(message, _):
    """Answers with the request as JSON."""
    seen = {
        "method": message.method,
        "target": message.target,
        "fields": [[name.lower(), value] for name, value in message.fields],
        "body": message.body.decode("latin-1"),
    }
    body = b"" if message.method == "HEAD" else json.dumps(seen).encode()
    return reply(body, content_type="application/json")


class Upstream:
    """A server whose answers a test writes.

    `answer(message, connection)` returns the bytes to send, or writes to the connection itself
    and returns None to end it.
    """

    def __init__(self, answer=echo):
        self.answer = answer
        self.requests = []
        self.begun = 0
        self.connections = 0
        self.listener = socket.create_server((HOST, 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        try:
            while stream.peek(1):
                self.begun += 1
                message = read_head(stream)
                if message.field("expect"):
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                read_body(stream, message)
                self.requests.append(message)
                data = self.answer(message, connection)
                if data is None:
                    return
                connection.sendall(data)
        except (OSError, Closed, ValueError, IndexError):
            # The peer is gone, or sent what is no HTTP: nobody is left to tell.
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    def end(self):
        """Stops listening and ends every connection."""
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def event(**fields):
    """One event of a stream that carries JSON."""
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def chunk(data):
    """`data` as a chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def delta(text):
    """One event of a chat stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return event(id="c", object="chat.completion.chunk", created=0, model="m", choices=[choice])


def completion(text="hello"):
    """A whole chat answer."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    document = {"id": "c", "object": "chat.completion", "created": 0, "model": "m"}
    body = json.dumps({**document, "choices": [choice], "usage": usage}).encode()
    return reply(body, content_type="application/json")
