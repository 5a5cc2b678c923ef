# SPDX-License-Identifier: Apache-2.0
"""A second endpoint is asked beside a slow one: the first good answer is the caller's, and the
other connection is closed.
"""

import json
import threading
from time import monotonic

import pytest

from chats import TEXT, begun, good
from children import wait_until
from configuration import ai_backend, model, policy, target
from faults import error, reset
from pinion import run


class Slow:
    """Answers as `answer` does, but not before it is let go; notes when its caller left."""

    def __init__(self, answer=good):
        self.answer = answer
        self.gate = threading.Event()
        self.left = threading.Event()

    def __call__(self, message, connection):
        connection.settimeout(20)
        if not self.gate.is_set():
            try:
                if connection.recv(1) == b"":
                    self.left.set()
                    return None
            except OSError:
                self.left.set()
                return None
        return self.answer(message, connection)


def resources(slow, quick, **hedging):
    """A model on two endpoints; the slow one is asked first."""
    return [
        ai_backend("servers", slow.port),
        ai_backend("spare", quick.port),
        model("chat", target("servers"), fallbacks=[target("spare")]),
        policy(
            "Model",
            "chat",
            hedging={"delay": "200ms", "budgetPercent": 100, "fallbacks": True, **hedging},
        ),
    ]


@pytest.mark.parametrize("stream", [False, True], ids=["document", "stream"])
def test_the_second_answers_and_the_first_is_left(start, serve, stream):
    waiting = Slow()
    slow, quick = serve(waiting), serve(good)
    gateway = start(*resources(slow, quick), arguments=["--concurrency", "1"])
    before = monotonic()
    client = gateway.openai()
    messages = [{"role": "user", "content": "hello"}]
    answer = client.chat.completions.create(model="chat", messages=messages, stream=stream)
    if stream:
        said = "".join(part.choices[0].delta.content or "" for part in answer if part.choices)
    else:
        said = answer.choices[0].message.content
    assert said == TEXT
    assert 0.15 < monotonic() - before < 10
    assert waiting.left.wait(10), "the slow server was not told to stop"
    assert len(slow.requests) == len(quick.requests) == 1
    wait_until(lambda: gateway.access_log(), "the access line")
    record = gateway.access_log()[0]
    assert record["hedged"] is True and record["attempts"] == 2
    assert record["backend"] == "default/spare"
    assert record["hedge"] == "won" and record["fallback"] is True
    assert record["tokens_left"] > 0
    assert gateway.metric("pinion_hedges_total", backend="default/spare", outcome="won") == 1
    left = gateway.metric("pinion_hedge_tokens_total", backend="default/servers")
    assert left == record["tokens_left"]
    assert gateway.metric("pinion_retries_total", reason="hedge") == 1
    assert gateway.metric(
        "pinion_upstream_attempts_total", backend="default/servers", result="cancelled"
    ) == 1
    status, out, err = run(
        "explain", record["request_id"], "--admin", f"127.0.0.1:{gateway.admin}"
    )
    assert status == 0, err
    assert "another endpoint is asked too" in out


@pytest.mark.parametrize("stream", [False, True], ids=["document", "stream"])
def test_a_second_that_fails_costs_nothing(start, serve, stream):
    waiting = Slow()

    def fails(message, connection):
        waiting.gate.set()
        return error("500 Internal Server Error", "no")

    def first(message, connection):
        assert waiting.gate.wait(10)
        return good(message, connection)

    slow, broken = serve(first), serve(fails)
    gateway = start(*resources(slow, broken), arguments=["--concurrency", "1"])
    status, _, body = gateway.chat("chat", stream=stream)
    assert status == 200
    if not stream:
        assert json.loads(body)["choices"][0]["message"]["content"] == TEXT
    assert len(slow.requests) == len(broken.requests) == 1


def test_a_first_that_fails_after_all_leaves_it_to_the_second(start, serve):
    asked = threading.Event()
    failed = threading.Event()

    def first(message, connection):
        assert asked.wait(10)
        failed.set()
        reset(connection)

    def second(message, connection):
        asked.set()
        assert failed.wait(10)
        return good(message, connection)

    gateway = start(*resources(serve(first), serve(second)), arguments=["--concurrency", "1"])
    status, _, body = gateway.chat("chat")
    assert status == 200
    assert json.loads(body)["choices"][0]["message"]["content"] == TEXT


def test_a_stream_that_has_begun_is_not_raced(start, serve):
    gate = threading.Event()

    def begins(message, connection):
        stream = begun(connection)
        assert gate.wait(10)
        return None if stream is None else b"0\r\n\r\n"

    slow, quick = serve(begins), serve(good)
    gateway = start(*resources(slow, quick), arguments=["--concurrency", "1"])
    done = []
    caller = threading.Thread(target=lambda: done.append(gateway.chat("chat", stream=True)))
    caller.start()
    try:
        wait_until(lambda: slow.requests, "the request")
        caller.join(0.6)
        assert not quick.requests
    finally:
        gate.set()
        caller.join(10)


def test_an_answer_in_time_is_asked_for_once(start, serve):
    slow, quick = serve(good), serve(good)
    gateway = start(*resources(slow, quick, delay="5s"), arguments=["--concurrency", "1"])
    for _ in range(5):
        assert gateway.chat("chat")[0] == 200
    assert len(slow.requests) == 5 and not quick.requests
