# SPDX-License-Identifier: Apache-2.0
"""Streams whose server dies in the middle and that go on at another one, through real clients and
real servers: the caller's text is the one that nothing would have interrupted.
"""

import json
import signal
import threading

import openai
import pytest

from chats import TEXT, TOKENS, Slow, Stream, begun, good
from children import wait_until
from configuration import ai_backend, model, policy, target
from pinion import run
from wire import STREAM_HEAD, chunk, event

HELLO = [{"role": "user", "content": "tell me a story"}]


def offer(first, second, prefill, **settings):
    """A model on `first` whose streams go on at `second`."""
    capabilities = {"capabilities": {"prefill": prefill}}
    return [
        ai_backend("first", first.port),
        ai_backend("second", second.port),
        model("chat", target("first"), fallbacks=[{**target("second"), **capabilities}]),
        policy(
            "Model",
            "chat",
            retry={"attempts": 1},
            continuation={"attempts": 2},
            **settings,
        ),
    ]


def kill(child):
    """Kills a process at once, as the kernel does when memory is short."""
    child.process.send_signal(signal.SIGKILL)
    child.process.wait()
    # What ends it in the end need not complain that it is gone.
    child.end = lambda *_: None


class Story:
    """A streamed answer as the official client hears it."""

    def __init__(self, client, **options):
        self.chunks = []
        self.stream = client.chat.completions.create(
            model="chat", messages=HELLO, stream=True, temperature=0, **options
        )

    def hear(self, tokens):
        """Reads on until there are so many tokens."""
        for chunk in self.stream:
            self.chunks.append(chunk)
            if sum(1 for entry in self.chunks if text_of(entry)) >= tokens:
                return

    def hear_out(self):
        """Reads to the end and returns the whole text."""
        self.chunks += list(self.stream)
        return self.text

    @property
    def text(self):
        """What was heard so far."""
        return "".join(map(text_of, self.chunks))


def text_of(chunk):
    """The text of one chunk."""
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def expect_one_answer(story):
    """Everything heard is one answer under one name."""
    assert len({chunk.id for chunk in story.chunks}) == 1
    reasons = [c.choices[0].finish_reason for c in story.chunks if c.choices]
    assert [reason for reason in reasons if reason] in (["stop"], ["length"])


@pytest.mark.parametrize("prefill", ["AssistantMessage", "None"])
def test_a_real_server_that_is_killed_is_not_noticed(start, llamas, prefill):
    first, second = llamas(), llamas()
    mesh = start(*offer(first, second, prefill))
    with openai.OpenAI(
        base_url=f"http://127.0.0.1:{second.port}/v1", api_key="unused"
    ) as direct:
        whole = Story(direct, max_tokens=300).hear_out()
    assert len(whole.split()) == 300
    story = Story(mesh.openai(), max_tokens=300, stream_options={"include_usage": True})
    story.hear(20)
    kill(first)
    assert story.hear_out() == whole
    expect_one_answer(story)
    usage = story.chunks[-1].usage
    assert usage.completion_tokens == 300
    assert usage.model_extra["pinion"]["resumptions"] == 1
    record = wait_until(lambda: mesh.access_log(), "the record")[-1]
    assert record["resumed"] is True and record["attempts"] == 2
    assert record["backend"] == "default/second"
    assert "truncated" not in record
    assert record["tokens_out"] >= 300


def respond(client):
    """A streamed response."""
    return client.responses.create(
        model="chat", input="tell me a story", stream=True, temperature=0, max_output_tokens=300
    )


def direct(server):
    """A client that asks `server` itself."""
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="unused")


@pytest.mark.parametrize("prefill", ["AssistantMessage", "None"])
def test_a_response_of_a_real_server_that_is_killed_is_not_noticed(start, llamas, prefill):
    first, second = llamas(), llamas()
    mesh = start(*offer(first, second, prefill))
    with direct(second) as client:
        whole = list(respond(client))[-1].response.output_text
    assert len(whole.split()) == 300
    heard, stream = [], respond(mesh.openai())
    for entry in stream:
        heard.append(entry)
        if len(heard) == 24:
            break
    kill(first)
    heard += list(stream)
    said = [entry for entry in heard if entry.type == "response.output_text.delta"]
    assert "".join(entry.delta for entry in said) == whole
    assert len({entry.item_id for entry in said}) == 1
    kinds = [entry.type for entry in heard if entry.type != "response.output_text.delta"]
    assert len(kinds) == len(set(kinds)) == 8
    assert heard[-4].text == heard[-3].part.text == whole
    assert heard[-1].response.output_text == whole
    assert heard[-1].response.id == heard[0].response.id
    assert heard[-1].response.output[0].id == said[0].item_id
    assert heard[-1].response.usage.output_tokens == 300
    record = wait_until(lambda: mesh.access_log(), "the record")[-1]
    assert record["resumed"] is True and "truncated" not in record
    assert record["tokens_out"] >= 300


class Tokens:
    """What was said of the tokens of several answers, and their texts."""

    def __init__(self, client, answers, **options):
        self.stream = client.chat.completions.create(
            model="chat",
            messages=HELLO,
            stream=True,
            temperature=0,
            max_tokens=200,
            logprobs=True,
            n=answers,
            **options,
        )
        self.texts = [""] * answers
        self.tokens = [[] for _ in range(answers)]
        self.reasons = [[] for _ in range(answers)]
        self.ids = set()

    def hear(self, count=None):
        """Reads on to the end, or until `count` tokens were told of."""
        for entry in self.stream:
            self.ids.add(entry.id)
            for choice in entry.choices:
                self.texts[choice.index] += choice.delta.content or ""
                told = choice.logprobs.content if choice.logprobs else []
                self.tokens[choice.index] += [token.token for token in told]
                self.reasons[choice.index] += [choice.finish_reason] * bool(choice.finish_reason)
            if count and sum(map(len, self.tokens)) >= count:
                return self
        return self


@pytest.mark.parametrize("answers, prefill", [(1, "AssistantMessage"), (1, "None"), (3, "None")])
def test_answers_with_probabilities_go_on(start, llamas, answers, prefill):
    first, second = llamas(), llamas()
    mesh = start(*offer(first, second, prefill))
    with direct(second) as client:
        whole = Tokens(client, answers).hear()
    assert [len(told) for told in whole.tokens] == [200] * answers
    story = Tokens(mesh.openai(), answers).hear(20 * answers)
    kill(first)
    story.hear()
    assert story.texts == whole.texts
    assert story.tokens == whole.tokens
    assert story.reasons == [["length"]] * answers
    assert len(story.ids) == 1


def test_done_without_a_reason_is_no_end(start, serve):
    def first(_, connection):
        begun(connection)
        return chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"

    mesh = start(*offer(serve(first), serve(good), "AssistantMessage"))
    story = Story(mesh.openai())
    assert story.hear_out() == TEXT
    expect_one_answer(story)


def test_a_simulated_server_that_is_killed_is_not_noticed(start, simulate):
    first, second = simulate("chat"), simulate("chat")
    mesh = start(*offer(first, second, "AssistantMessage"))
    options = {"extra_headers": {"x-sim-interval-ms": "5", "x-sim-tokens": "60"}}
    with openai.OpenAI(
        base_url=f"http://127.0.0.1:{second.port}/v1", api_key="unused"
    ) as direct:
        whole = Story(direct, **options).hear_out()
    story = Story(mesh.openai(), **options)
    story.hear(10)
    kill(first)
    assert story.hear_out() == whole
    expect_one_answer(story)
    # It was told what was said, and did not say it again.
    asked = [entry["body"] for entry in second.requests()][-1]
    said = json.loads(asked)["messages"][-1]
    assert said["role"] == "assistant" and whole.startswith(said["content"])


def test_three_servers_write_one_answer(start, serve):
    servers = [Slow() for _ in range(3)]
    ports = [serve(server).port for server in servers]
    prefill = {"capabilities": {"prefill": "ContinueFinalMessage"}}
    mesh = start(
        *(ai_backend(f"b{number}", port) for number, port in enumerate(ports)),
        model(
            "chat",
            target("b0"),
            fallbacks=[{**target("b1"), **prefill}, {**target("b2"), **prefill}],
        ),
        policy(
            "Model",
            "chat",
            retry={"attempts": 1},
            continuation={"attempts": 2},
            # The server that says nothing more is given up.
            timeouts={"streamIdle": "300ms"},
        ),
    )
    story = Story(mesh.openai())
    for server, count in zip(servers, (3, 4, 50), strict=True):
        for _ in range(count):
            server.gate.release()
    assert story.hear_out() == TEXT
    expect_one_answer(story)


def test_many_streams_survive_a_killed_server(start, simulate):
    first, second = simulate("chat"), simulate("chat")
    mesh = start(*offer(first, second, "AssistantMessage"))
    options = {"extra_headers": {"x-sim-interval-ms": "30", "x-sim-tokens": "80"}}
    client = mesh.openai()
    stories = [Story(client, **options) for _ in range(20)]
    for story in stories:
        story.hear(3)
    kill(first)
    threads = [threading.Thread(target=story.hear_out) for story in stories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({story.text for story in stories}) == 1
    for story in stories:
        expect_one_answer(story)
    assert mesh.metric("pinion_retries_total", reason="resume") == 20


def test_text_completions_go_on_from_their_prompt(start, serve):
    asked = []

    def second(message, connection):
        asked.append(json.loads(message.body))
        return good_text(asked[-1]["prompt"])

    def first(_, connection):
        connection.sendall(good_text("Say: ", tokens=4))

    mesh = start(*offer(serve(first), serve(second), "None"))
    stream = mesh.openai().completions.create(model="chat", prompt="Say: ", stream=True)
    assert "".join(part.choices[0].text for part in stream) == TEXT
    assert asked[0]["prompt"] == "Say: " + "".join(TOKENS[:4])


def good_text(prompt, tokens=None):
    """The stream of a text completion; with `tokens` only the beginning, without an end."""
    said = prompt.removeprefix("Say: ")
    rest, left = list(TOKENS), said
    while left:
        left = left.removeprefix(rest.pop(0))
    parts = [
        event(id=f"c{len(said)}", choices=[{"index": 0, "text": text, "finish_reason": None}])
        for text in (rest[:tokens] if tokens else rest)
    ]
    if not tokens:
        parts.append(event(id="c", choices=[{"index": 0, "text": "", "finish_reason": "stop"}]))
        parts.append(b"data: [DONE]\n\n")
    return STREAM_HEAD + b"".join(map(chunk, parts)) + (b"" if tokens else b"0\r\n\r\n")


def test_a_tool_call_is_never_heard_in_halves(start, serve):
    def call(stream, **function):
        entry = {"index": 0, "function": function}
        return stream.choice({"tool_calls": [entry]})

    def first(_, connection):
        stream = begun(connection, tokens=2)
        connection.sendall(chunk(call(stream, name="look", arguments='{"pl')))

    def second(message, _):
        stream = Stream()
        assert json.loads(message.body)["messages"][-1]["content"] == "".join(TOKENS[:2])
        parts = [call(stream, name="look", arguments=""), call(stream, arguments='{"place":1}')]
        parts += [stream.finish("tool_calls"), b"data: [DONE]\n\n"]
        return STREAM_HEAD + b"".join(map(chunk, parts)) + b"0\r\n\r\n"

    mesh = start(*offer(serve(first), serve(second), "AssistantMessage"))
    story = Story(mesh.openai(), tools=[{"type": "function", "function": {"name": "look"}}])
    assert story.hear_out() == "".join(TOKENS[:2])
    calls = [
        part for chunk in story.chunks for part in chunk.choices[0].delta.tool_calls or []
    ]
    assert "".join(part.function.arguments for part in calls) == '{"place":1}'
    assert story.chunks[-1].choices[0].finish_reason == "tool_calls"


def test_without_a_policy_a_cut_is_shown_and_nothing_is_kept(start, serve):
    def first(_, connection):
        begun(connection)

    second = serve(good)
    mesh = start(
        ai_backend("first", serve(first).port),
        ai_backend("second", second.port),
        model("chat", target("first"), fallbacks=[target("second")]),
        policy("Model", "chat", retry={"attempts": 1}),
    )
    with pytest.raises(openai.APIError) as caught:
        Story(mesh.openai()).hear_out()
    assert caught.value.code == "stream-truncated"
    assert second.requests == []


def test_explain_says_how_an_answer_went_on(start, serve):
    def first(_, connection):
        begun(connection)

    mesh = start(*offer(serve(first), serve(good), "AssistantMessage"))
    Story(mesh.openai(), extra_headers={"x-request-id": "resumed-1"}).hear_out()
    wait_until(lambda: mesh.access_log(), "the record")
    code, output, errors = run("explain", "resumed-1", "--admin", f"127.0.0.1:{mesh.admin}")
    assert code == 0, errors
    assert "the answer broke off after 3 tokens" in output
    assert "it is told what was said and says what follows" in output
