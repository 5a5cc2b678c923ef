# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand, on the independent state machine of the package `h2`."""

import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from children import HOST

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags=0, stream=0, payload=b""):
    """One frame as bytes."""
    length = struct.pack(">I", len(payload))[1:]
    return length + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Answer:
    """What came on one stream."""

    def __init__(self):
        self.fields = None
        self.interim = []
        self.body = b""
        self.pieces = []
        self.trailers = []
        self.ended = False
        self.reset = None

    @property
    def status(self):
        """The status, or None when there was no answer."""
        return int(dict(self.fields)[":status"]) if self.fields else None

    def field(self, name):
        """The value of the field `name`, or None."""
        return dict(self.fields or []).get(name)

    def trailer(self, name):
        """The value of the trailer `name`, or None."""
        return dict(self.trailers).get(name)

    @property
    def is_over(self):
        """Whether nothing more can come."""
        return self.ended or self.reset is not None


class Http2:
    """A client connection. What the library would refuse to send can be sent all the same."""

    def __init__(self, port, strict=True, timeout=10, window=None, wrap=None, start=True):
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding="utf-8",
            validate_outbound_headers=strict,
            normalize_outbound_headers=strict,
        )
        self.machine = h2.connection.H2Connection(config)
        if window is not None:
            self.machine.local_settings.initial_window_size = window
        self.socket = socket.create_connection((HOST, port), timeout=timeout)
        if wrap:
            self.socket = wrap(self.socket)
        self.answers = {}
        self.goaway = None
        self.is_closed = False
        self.gives_credit = True
        if start:
            self.machine.initiate_connection()
            self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection."""
        self.socket.close()

    def flush(self):
        """Sends what the library has to say."""
        self.send(self.machine.data_to_send())

    def send(self, data):
        """Sends bytes as they are; a peer that is gone is noted."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.is_closed = True

    def begin(self, method, path, fields=(), end=True, authority="a.test", scheme="http"):
        """Opens a stream with a request's head; its number."""
        number = self.machine.get_next_available_stream_id()
        head = [
            (":method", method),
            (":scheme", scheme),
            (":authority", authority),
            (":path", path),
            *fields,
        ]
        self.answers[number] = Answer()
        self.machine.send_headers(number, head, end_stream=end)
        self.flush()
        return number

    def data(self, number, data, end=False):
        """Sends a piece of a body, waiting for windows."""
        while data:
            while not (room := self.machine.local_flow_control_window(number)):
                self.step()
            room = min(room, self.machine.max_outbound_frame_size, len(data))
            last = end and room == len(data)
            self.machine.send_data(number, data[:room], end_stream=last)
            self.flush()
            data = data[room:]
            if last:
                return
        if end:
            self.machine.end_stream(number)
            self.flush()

    def request(self, method, path, fields=(), body=None, **options):
        """One whole exchange."""
        number = self.begin(method, path, fields, end=body is None, **options)
        if body is not None:
            self.data(number, body, end=True)
        return self.wait(number)

    def wait(self, number):
        """Reads until the stream is over."""
        answer = self.answers[number]
        while not answer.is_over and not self.is_closed:
            self.step()
        return answer

    def step(self):
        """Takes in what comes next."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.is_closed = True
            return
        try:
            events = self.machine.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            raise AssertionError(f"the gateway broke HTTP/2: {error!r}") from error
        for event in events:
            self.take(event)
        self.flush()

    def take(self, event):
        """Files one event under its stream."""
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
            return
        answer = self.answers.get(getattr(event, "stream_id", None) or 0)
        if answer is None:
            return
        if isinstance(event, h2.events.InformationalResponseReceived):
            answer.interim.append(dict(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            answer.fields = event.headers
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = event.headers
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            answer.pieces.append((time.monotonic(), event.data))
            if self.gives_credit and event.flow_controlled_length:
                self.machine.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id
                )
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code

    def read_to_end(self, seconds=5):
        """Reads until the peer closes; whether it did so in time."""
        deadline = time.monotonic() + seconds
        while not self.is_closed and time.monotonic() < deadline:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self.step()
            except TimeoutError:
                break
        return self.is_closed


class Raw:
    """A client that only writes frames and looks at what kinds come back."""

    def __init__(self, port, timeout=5, settings=b"", receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((HOST, port))
        self.is_closed = False
        self.send(PREFACE + frame(SETTINGS, payload=settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends bytes; whether the peer still took them."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            self.is_closed = True
            return False

    def frames(self, seconds=5):
        """Every frame up to the end of the connection: (kind, flags, stream, payload)."""
        deadline = time.monotonic() + seconds
        data = b""
        found = []
        while time.monotonic() < deadline:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                break
            except ConnectionError:
                more = b""
            if not more:
                self.is_closed = True
                break
            data += more
            while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                end = 9 + int.from_bytes(data[:3], "big")
                stream = int.from_bytes(data[5:9], "big") & 0x7FFFFFFF
                found.append((data[3], data[4], stream, data[9:end]))
                data = data[end:]
        return found

    @staticmethod
    def goaway(frames):
        """The error code of the first GOAWAY among `frames`, or None."""
        for kind, _, _, payload in frames:
            if kind == GOAWAY:
                return int.from_bytes(payload[4:8], "big")
        return None


class H2Upstream:
    """A server of HTTP/2 whose answers a test writes.

    `answer(stream)` is called on a thread of its own once a request is whole, or with `early`
    once its head is there; it uses `stream.respond`, `stream.data`, `stream.end` and
    `stream.reset`.
    """

    def __init__(self, answer, early=False, wrap=None, settings=None):
        self.answer = answer
        self.early = early
        self.wrap = wrap
        self.settings = settings or {}
        self.streams = []
        self.connections = 0
        self.peers = []
        self.listener = socket.create_server((HOST, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.wrap:
                connection = self.wrap(connection)
            peer = Peer(connection, self)
            self.peers.append(peer)
            peer.run()
        except OSError:
            pass
        finally:
            connection.close()

    def end(self):
        """Stops listening and ends every connection."""
        self.listener.close()
        for peer in self.peers:
            peer.close()


class Peer:
    """One connection of an `H2Upstream`."""

    def __init__(self, connection, upstream):
        self.socket = connection
        self.upstream = upstream
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.machine = h2.connection.H2Connection(config)
        self.open = {}

    def run(self):
        """Serves until the peer is gone."""
        with self.lock:
            self.machine.initiate_connection()
            if self.upstream.settings:
                self.machine.update_settings(self.upstream.settings)
            self.flush()
        while data := self.socket.recv(65536):
            with self.lock:
                for event in self.machine.receive_data(data):
                    self.take(event)
                self.flush()
                self.changed.notify_all()

    def flush(self):
        """Sends what the library has to say."""
        if data := self.machine.data_to_send():
            self.socket.sendall(data)

    def take(self, event):
        """Files one event under its stream, and starts to answer."""
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            stream = Stream(self, number, event.headers)
            self.open[number] = stream
            self.upstream.streams.append(stream)
            if self.upstream.early:
                self.start(stream)
        stream = self.open.get(number)
        if stream is None:
            return
        if isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if stream.reads:
                self.machine.acknowledge_received_data(event.flow_controlled_length, number)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
            if not self.upstream.early:
                self.start(stream)
        elif isinstance(event, h2.events.StreamReset):
            stream.was_reset = event.error_code

    def start(self, stream):
        """Answers on a thread of its own."""
        threading.Thread(target=self._answer, args=(stream,), daemon=True).start()

    def _answer(self, stream):
        try:
            self.upstream.answer(stream)
        except (OSError, h2.exceptions.ProtocolError):
            pass

    def goaway(self, last=None):
        """Says farewell."""
        with self.lock:
            self.machine.close_connection(last_stream_id=last)
            self.flush()

    def close(self):
        """Ends the connection."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Stream:
    """One request at an `H2Upstream`, and its answer."""

    def __init__(self, peer, number, fields):
        self.peer = peer
        self.number = number
        self.fields = fields
        self.body = b""
        self.trailers = []
        self.ended = False
        self.was_reset = None
        self.reads = True

    def field(self, name):
        """The value of the field `name`, or None."""
        return dict(self.fields).get(name)

    def respond(self, status=200, fields=(), end=False):
        """Sends a head."""
        with self.peer.lock:
            head = [(":status", str(status)), *fields]
            self.peer.machine.send_headers(self.number, head, end_stream=end)
            self.peer.flush()

    def data(self, data, end=False):
        """Sends a piece of the body, waiting for windows."""
        while True:
            with self.peer.changed:
                machine = self.peer.machine
                while not (room := machine.local_flow_control_window(self.number)) and data:
                    if not self.peer.changed.wait(10):
                        raise OSError("no window")
                room = min(room, machine.max_outbound_frame_size, len(data))
                last = room == len(data)
                machine.send_data(self.number, data[:room], end_stream=end and last)
                self.peer.flush()
            data = data[room:]
            if last:
                return

    def end(self, trailers=None):
        """Ends the answer, with trailers when there are some."""
        with self.peer.lock:
            if trailers:
                self.peer.machine.send_headers(self.number, trailers, end_stream=True)
            else:
                self.peer.machine.end_stream(self.number)
            self.peer.flush()

    def reset(self, code=h2.errors.ErrorCodes.INTERNAL_ERROR):
        """Breaks the stream off."""
        with self.peer.lock:
            self.peer.machine.reset_stream(self.number, code)
            self.peer.flush()


def echo(stream):
    """Answers with what came as text."""
    lines = [f"{name}: {value}" for name, value in stream.fields]
    body = "\n".join(lines).encode() + b"\n\n" + stream.body
    stream.respond(200, [("content-type", "text/plain")])
    stream.data(body, end=True)
