# SPDX-License-Identifier: Apache-2.0
"""A model server of the OpenAI API as tests script it: the same words for every chat, one a token.

`good` behaves: it goes on from a last message of the assistant, as llama.cpp does.
"""

import dataclasses
import itertools
import json
import threading

from wire import STREAM_HEAD, chunk, reply

WORDS = "The quick brown fox jumps over the lazy dog and runs home".split()
TOKENS = [WORDS[0]] + [" " + word for word in WORDS[1:]]
TEXT = "".join(TOKENS)
DONE = b"data: [DONE]\n\n"
_numbers = itertools.count(1)


def event(data):
    """One event with `data`, JSON unless it is bytes."""
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


class Stream:
    """The events of one streamed answer."""

    def __init__(self, model="upstream-model"):
        self.head = {
            "id": f"chatcmpl-{next(_numbers)}",
            "object": "chat.completion.chunk",
            "created": 1700000000 + next(_numbers),
            "model": model,
        }

    def choice(self, delta, finish=None):
        """An event with one choice."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event({**self.head, "choices": [choice]})

    def role(self):
        """The event that says who speaks."""
        return self.choice({"role": "assistant", "content": ""})

    def token(self, text):
        """The event of one token."""
        return self.choice({"content": text})

    def finish(self, reason="stop"):
        """The event that says why the answer ended."""
        return self.choice({}, reason)

    def usage(self, prompt, completion):
        """The event that holds nothing but usage."""
        return event({**self.head, "choices": [], "usage": usage(prompt, completion)})


def usage(prompt, completion):
    """A usage object."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def document(text=TEXT, **fields):
    """A whole answer in one piece."""
    message = {"role": "assistant", "content": text}
    whole = {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "upstream-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage(9, len(TOKENS)),
    }
    return json.dumps({**whole, **fields}).encode()


@dataclasses.dataclass
class Request:
    """What a chat request says."""

    body: dict

    def __init__(self, message):
        self.body = json.loads(message.body or b"{}")

    @property
    def stream(self):
        """Whether a stream is asked for."""
        return bool(self.body.get("stream"))

    @property
    def said(self):
        """What the last message says when it is one of the assistant."""
        last = (self.body.get("messages") or [{}])[-1]
        return last.get("content", "") if last.get("role") == "assistant" else ""


def rest_of(said):
    """The tokens behind `said`, which must be a beginning of the text."""
    rest = list(TOKENS)
    while said:
        assert said.startswith(rest[0]), said
        said = said.removeprefix(rest.pop(0))
    return rest


def good(message, connection):
    """The server that behaves: the whole text, or what follows what was said already."""
    request = Request(message)
    tokens = rest_of(request.said)
    if not request.stream:
        return reply(document("".join(tokens)), content_type="application/json")
    stream = Stream()
    events = [stream.role(), *map(stream.token, tokens), stream.finish()]
    if (request.body.get("stream_options") or {}).get("include_usage"):
        events.append(stream.usage(9 + len(TOKENS) - len(tokens), len(tokens)))
    events.append(DONE)
    return STREAM_HEAD + b"".join(map(chunk, events)) + b"0\r\n\r\n"


def begun(connection, tokens=3):
    """Sends the beginning of a stream; what the caller must have when it breaks."""
    stream = Stream()
    connection.sendall(STREAM_HEAD + chunk(stream.role()))
    for token in TOKENS[:tokens]:
        connection.sendall(chunk(stream.token(token)))
    return stream


class Slow:
    """`good`, but each token waits until it is let go."""

    def __init__(self):
        self.gate = threading.Semaphore(0)

    def __call__(self, message, connection):
        stream = Stream()
        connection.sendall(STREAM_HEAD + chunk(stream.role()))
        for token in rest_of(Request(message).said):
            self.gate.acquire()
            connection.sendall(chunk(stream.token(token)))
        return chunk(stream.finish()) + chunk(DONE) + b"0\r\n\r\n"
