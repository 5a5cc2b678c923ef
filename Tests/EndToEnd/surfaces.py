# SPDX-License-Identifier: Apache-2.0
"""The three ways in which the OpenAI API is asked for a text: what is asked, what a server says,
and what a caller makes of it. All of them say `chats.TEXT`, one word a token.
"""

import itertools
import json

import chats
from chats import DONE, TEXT, TOKENS, rest_of
from wire import STREAM_HEAD, chunk, reply

_numbers = itertools.count(1)


class Chat:
    """`/v1/chat/completions`."""

    name = "chat"
    path = "/v1/chat/completions"
    tail = chunk(DONE) + b"0\r\n\r\n"

    stream = chats.Stream
    document = staticmethod(chats.document)

    @staticmethod
    def question():
        """What is asked."""
        return {"messages": [{"role": "user", "content": "hello"}]}

    @staticmethod
    def said(body):
        """What the request says was said before."""
        last = (body.get("messages") or [{}])[-1]
        return last.get("content", "") if last.get("role") == "assistant" else ""

    @staticmethod
    def text_of(document):
        """The text of an answer in one piece."""
        return document["choices"][0]["message"]["content"]

    @staticmethod
    def heard(entry):
        """The text of an event."""
        return "".join(
            choice["delta"].get("content") or "" for choice in entry.get("choices", [])
        )

    @staticmethod
    def expect_one(events):
        """The events are those of one answer of one server."""
        assert events[-1] == "[DONE]"
        assert events.count("[DONE]") == 1
        chunks = events[:-1]
        assert len({entry["id"] for entry in chunks}) == 1
        assert len({entry["created"] for entry in chunks}) == 1
        roles = [entry for entry in chunks if entry["choices"][0]["delta"].get("role")]
        assert len(roles) == 1
        expect_one_reason(chunks)


def expect_one_reason(chunks):
    """Only the last of `chunks` says why the answer ended."""
    reasons = [entry["choices"][0]["finish_reason"] for entry in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]


class CompletionStream:
    """The events of one streamed completion."""

    def __init__(self):
        self.head = {
            "id": f"cmpl-{next(_numbers)}",
            "object": "text_completion",
            "created": 1700000000 + next(_numbers),
            "model": "upstream-model",
        }

    def choice(self, text, finish=None):
        """An event with one choice."""
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return chats.event({**self.head, "choices": [choice]})

    def role(self):
        """What comes first: nothing that is no text."""
        return self.choice("")

    def token(self, text):
        """The event of one token."""
        return self.choice(text)

    def finish(self):
        """The event that says why it ended."""
        return self.choice("", "stop")


class Completion:
    """`/v1/completions`."""

    name = "completion"
    path = "/v1/completions"
    tail = Chat.tail
    stream = CompletionStream

    @staticmethod
    def question():
        """What is asked."""
        return {"prompt": "Say: "}

    @staticmethod
    def said(body):
        """What the request says was said before."""
        return body["prompt"].removeprefix("Say: ")

    @staticmethod
    def document(text=TEXT):
        """A whole answer in one piece."""
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}
        head = {"id": "cmpl-0", "object": "text_completion", "created": 1, "model": "m"}
        usage = chats.usage(3, len(TOKENS))
        return json.dumps({**head, "choices": [choice], "usage": usage}).encode()

    @staticmethod
    def text_of(document):
        """The text of an answer in one piece."""
        return document["choices"][0]["text"]

    @staticmethod
    def heard(entry):
        """The text of an event."""
        return "".join(choice["text"] for choice in entry.get("choices", []))

    @staticmethod
    def expect_one(events):
        """The events are those of one answer of one server."""
        assert events[-1] == "[DONE]"
        assert events.count("[DONE]") == 1
        assert len({entry["id"] for entry in events[:-1]}) == 1
        expect_one_reason(events[:-1])


class ResponseStream:
    """The events of one streamed response."""

    def __init__(self):
        number = next(_numbers)
        self.id, self.item = f"resp_{number}", f"msg_{number}"
        self.created = 1700000000 + number
        self.count = 0
        self.text = ""

    def event(self, kind, **members):
        """The next event."""
        data = {"type": kind, "sequence_number": self.count, **members}
        self.count += 1
        return f"event: {kind}\n".encode() + chats.event(data)

    def response(self, status, output, usage=None):
        """The response object."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "model": "upstream-model",
            "output": output,
            "usage": usage,
        }

    @property
    def place(self):
        """Where the text stands."""
        return {"item_id": self.item, "output_index": 0, "content_index": 0}

    def part(self):
        """The part with the text."""
        return {"type": "output_text", "annotations": [], "text": self.text}

    def message(self, status):
        """The message with the text."""
        content = [self.part()] if status == "completed" else []
        head = {"id": self.item, "type": "message", "role": "assistant"}
        return {**head, "status": status, "content": content}

    def opened(self):
        """The events that say that there will be an answer."""
        begun = self.response("in_progress", [])
        return self.event("response.created", response=begun) + self.event(
            "response.in_progress", response=begun
        )

    def role(self):
        """The events that come before the text."""
        return (
            self.opened()
            + self.event(
                "response.output_item.added", output_index=0, item=self.message("in_progress")
            )
            + self.event("response.content_part.added", **self.place, part=self.part())
        )

    def token(self, text):
        """The event of one token."""
        self.text += text
        return self.event("response.output_text.delta", **self.place, delta=text, logprobs=[])

    def finish(self):
        """The events behind the text."""
        whole = self.message("completed")
        usage = {"input_tokens": 9, "output_tokens": len(TOKENS), "total_tokens": 9 + len(TOKENS)}
        return (
            self.event("response.output_text.done", **self.place, text=self.text, logprobs=[])
            + self.event("response.content_part.done", **self.place, part=self.part())
            + self.event("response.output_item.done", output_index=0, item=whole)
            + self.event(
                "response.completed", response=self.response("completed", [whole], usage)
            )
        )


class Response:
    """`/v1/responses`, whose streams have no `[DONE]`."""

    name = "response"
    path = "/v1/responses"
    tail = b"0\r\n\r\n"
    stream = ResponseStream

    @staticmethod
    def question():
        """What is asked."""
        return {"input": "hello"}

    @staticmethod
    def said(body):
        """What the request says was said before."""
        last = body["input"][-1] if isinstance(body["input"], list) else {}
        return last["content"][0]["text"] if last.get("role") == "assistant" else ""

    @staticmethod
    def document(text=TEXT):
        """A whole answer in one piece."""
        stream = ResponseStream()
        stream.text = text
        usage = {"input_tokens": 9, "output_tokens": len(TOKENS), "total_tokens": 9 + len(TOKENS)}
        whole = stream.response("completed", [stream.message("completed")], usage)
        return json.dumps(whole).encode()

    @staticmethod
    def text_of(document):
        """The text of an answer in one piece."""
        return document["output"][0]["content"][0]["text"]

    @staticmethod
    def heard(entry):
        """The text of an event."""
        return entry["delta"] if entry.get("type") == "response.output_text.delta" else ""

    @staticmethod
    def expect_one(events):
        """The events are those of one answer of one server."""
        events = [entry for entry in events if entry != "[DONE]"]
        assert [entry["sequence_number"] for entry in events] == list(range(len(events)))
        kinds = [entry["type"] for entry in events]
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        once = [kind for kind in kinds if not kind.endswith(".delta")]
        assert len(once) == len(set(once)) == 8
        assert len({entry["item_id"] for entry in events if "item_id" in entry}) == 1
        items = [entry["item"]["id"] for entry in events if "item" in entry]
        assert set(items) == {events[3]["item_id"]}
        ids = {entry["response"]["id"] for entry in events if "response" in entry}
        assert len(ids) == 1
        whole = events[-1]["response"]
        assert Response.text_of(whole) == TEXT
        assert whole["output"][0]["id"] == items[0]
        assert events[-4]["text"] == TEXT and events[-3]["part"]["text"] == TEXT
        assert events[-2]["item"]["content"][0]["text"] == TEXT
        assert whole["usage"]["output_tokens"] >= len(TOKENS)


SURFACES = (Chat, Completion, Response)


def surface_of(message):
    """The surface that a request is made to."""
    return next(surface for surface in SURFACES if message.target.endswith(surface.path))


def good(message, connection):
    """The server that behaves: the whole text, or what follows what was said already."""
    surface = surface_of(message)
    if surface is Chat:
        return chats.good(message, connection)
    body = json.loads(message.body)
    tokens = rest_of(surface.said(body))
    if not body.get("stream"):
        return reply(surface.document("".join(tokens)), content_type="application/json")
    stream = surface.stream()
    events = [stream.role(), *map(stream.token, tokens), stream.finish()]
    return STREAM_HEAD + b"".join(map(chunk, events)) + surface.tail


def begun(message, connection, tokens=3):
    """Sends the beginning of a stream; what the caller must have when it breaks."""
    stream = surface_of(message).stream()
    connection.sendall(STREAM_HEAD + chunk(stream.role()))
    for token in TOKENS[:tokens]:
        connection.sendall(chunk(stream.token(token)))
    return stream
