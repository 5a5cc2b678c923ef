# SPDX-License-Identifier: Apache-2.0
"""Copies for mirrors: what their answers are compared by, and that no caller notices them."""

import json
import time

import pytest

from children import free_port, wait_until
from configuration import (
    ai_backend,
    backend,
    model,
    policy,
    route,
    rule,
    target,
    to,
)
from pinion import run
from wire import STREAM_HEAD, chunk, reply

SIMILARITY = {"model": "vectors", "percent": 100, "perMinute": 6000}


def answer(text, tokens=2, **message):
    """A chat answer."""
    choice = {"index": 0, "message": {"content": text, **message}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": tokens}
    body = json.dumps({"choices": [choice], "usage": usage}).encode()
    return reply(body, content_type="application/json")


def stream(*texts):
    """The same as a stream."""
    deltas = [{"index": 0, "delta": {"content": text}} for text in texts]
    deltas[-1]["finish_reason"] = "stop"
    events = [{"choices": [delta]} for delta in deltas]
    events.append({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    body = b"".join(chunk(b"data: " + json.dumps(event).encode() + b"\n\n") for event in events)
    return STREAM_HEAD + body + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def mesh(primary, mirror, *resources, compare=True, **comparison):
    """A model whose requests are copied to `mirror`."""
    price = {"inputPerMillion": "1", "outputPerMillion": "2"}
    shadow = {**target("next", model="two"), "price": {**price, "outputPerMillion": "4"}}
    made = [
        ai_backend("stable", primary),
        ai_backend("next", mirror),
        model("assistant", target("stable", model="one"), price=price, mirrors=[shadow]),
        *resources,
    ]
    if compare:
        comparison = {"percent": 100, **comparison}
        made.append(policy("Model", "assistant", comparison=comparison))
    return made


def pairs(gateway, measure="status"):
    """How many pairs were compared by `measure`."""
    return gateway.metric("pinion_mirror_pairs_total", measure=measure)


def same(gateway, measure):
    """How many of them agree."""
    return gateway.metric("pinion_mirror_agreements_total", measure=measure)


def copies(gateway, result):
    """How many copies came to `result`."""
    return gateway.metric("pinion_mirror_copies_total", result=result)


def comparisons(gateway):
    """The lines of the log about compared answers, in the order of their requests."""
    lines = [line for line in gateway.output().splitlines() if line.startswith("{")]
    found = [entry for line in lines if "mirror_of" in (entry := json.loads(line))]
    return sorted(found, key=lambda entry: entry["time"])


def test_answers_are_compared_by_all_measures(start, serve, simulate):
    texts = iter(["The sky is blue today", "The sky is blue now", '{"a": 1}', "", "cut"])
    calls = {"tool_calls": [{"function": {"name": "add", "arguments": '{"a":1,"b":2}'}}]}
    primary = serve(lambda *_: answer("The sky is blue today"))
    mirror = serve(lambda *_: answer(next(texts), tokens=5))
    vectors = simulate("vectors")
    gateway = start(
        *mesh(
            primary.port,
            mirror.port,
            ai_backend("embedder", vectors.port),
            model("vectors", target("embedder")),
            similarity=SIMILARITY,
        )
    )
    for number in range(3):
        status, _, body = gateway.chat("assistant")
        assert status == 200
        assert json.loads(body)["choices"][0]["message"]["content"] == "The sky is blue today"
        wait_until(lambda n=number: pairs(gateway) == n + 1, "the pair to be compared")
    assert mirror.requests[0].field("x-request-id") == primary.requests[0].field("x-request-id")
    assert json.loads(mirror.requests[0].body)["model"] == "two"
    assert json.loads(primary.requests[0].body)["model"] == "one"
    assert same(gateway, "status") == 3
    assert pairs(gateway, "text") == 3
    assert same(gateway, "text") == 1
    assert same(gateway, "structure") == 2, "JSON is another form than prose"
    assert pairs(gateway, "tools") == 0
    tokens = {"mirror": "default/next", "mirror_model": "two", "type": "output"}
    assert gateway.metric("pinion_mirror_tokens_total", side="primary", **tokens) == 6
    assert gateway.metric("pinion_mirror_tokens_total", side="mirror", **tokens) == 15
    assert gateway.metric("pinion_mirror_cost_total", side="primary") == pytest.approx(21e-6)
    assert gateway.metric("pinion_mirror_cost_total", side="mirror") == pytest.approx(69e-6)
    for side in ("primary", "mirror"):
        for until in ("first_byte", "total"):
            labels = {"side": side, "until": until}
            assert gateway.metric("pinion_mirror_duration_seconds_count", **labels) == 3

    # Equal texts need no question; the others were asked about together.
    assert gateway.metric("pinion_mirror_similarity_count") == 3
    asked = [entry for entry in vectors.requests() if entry["path"] == "/v1/embeddings"]
    assert len(asked) == 2
    wait_until(lambda: len(comparisons(gateway)) == 3, "the lines of the log")
    first, second, third = comparisons(gateway)
    assert first["similarity"] == 1 and first["same_text"] is True
    assert 0.6 < second["similarity"] < 1, "most words are the same"
    assert third["similarity"] < second["similarity"]
    assert third["same_structure"] is False
    assert second["model"] == "default/assistant" and second["mirror_model"] == "two"
    assert (second["primary_tokens_out"], second["mirror_tokens_out"]) == (2, 5)
    records = [record["request_id"] for record in gateway.access_log()]
    assert [entry["mirror_of"] for entry in (first, second, third)] == records

    primary.answer = lambda *_: answer(None, **calls)
    other = {"name": "add", "arguments": '{ "b": 2, "a": 1 }'}
    mirror.answer = lambda *_: answer(None, tool_calls=[{"function": other}])
    assert gateway.chat("assistant")[0] == 200
    wait_until(lambda: pairs(gateway, "tools") == 1, "the calls of tools to be compared")
    assert same(gateway, "tools") == 1

    status, output, _ = run("get", "mirrors", "--admin", f"127.0.0.1:{gateway.admin}", "-o", "json")
    row = json.loads(output)[0]
    assert status == 0
    assert row["mirror"] == "default/next" and row["compared"] == 4 and row["copies"] == 4
    assert row["same_status"] == "100.0%" and row["same_text"] == "50.0%"
    assert row["tokens_out"] == "2.13x"


def test_streams_are_compared_by_the_text_they_come_to(start, serve):
    primary = serve(lambda *_: stream("The sky", " is", " blue"))
    mirror = serve(lambda *_: stream("The sky is blue"))
    gateway = start(*mesh(primary.port, mirror.port))
    status, _, body = gateway.chat("assistant", stream=True)
    assert status == 200 and b"usage" not in body
    wait_until(lambda: pairs(gateway) == 1, "the pair to be compared")
    assert same(gateway, "text") == same(gateway, "structure") == 1
    for side in ("primary", "mirror"):
        found = gateway.metric("pinion_mirror_tokens_total", side=side, type="output")
        assert found == 2, "usage was asked for, of both"


def never(_, connection):
    """Says nothing for as long as anybody listens."""
    connection.recv(1)


def trickle(_, connection):
    """An answer without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(chunk(b"x" * 1000))
        time.sleep(0.01)


MISBEHAVIOURS = {
    "hangs": (never, "timeout"),
    "trickles": (trickle, "timeout"),
    "fails": (lambda *_: reply(b"no", "500 No"), "answered"),
    "closes": (lambda *_: None, "broken"),
    "babbles": (lambda *_: b"what is this?\r\n\r\n", "broken"),
    "cuts": (lambda *_: b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", "timeout"),
    "is-not-there": (None, "unreachable"),
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_caller_never_notices_a_mirror_that(name, start, serve):
    behaviour, result = MISBEHAVIOURS[name]
    primary = serve(lambda *_: answer("hello"))
    port = serve(behaviour).port if behaviour else free_port()
    gateway = start(*mesh(primary.port, port, timeout="700ms", concurrent=4))
    assert gateway.chat("assistant")[0] == 200
    plain = time.monotonic()
    for _ in range(12):
        status, headers, body = gateway.chat("assistant")
        assert status == 200 and "x-pinion-attempts" not in headers
        assert json.loads(body)["choices"][0]["message"]["content"] == "hello"
    assert time.monotonic() - plain < 5, "what waits for no mirror takes milliseconds"

    def all_ended():
        found = [copies(gateway, other) for other in ("answered", "broken", "unreachable")]
        return sum(found) + copies(gateway, "timeout") + copies(gateway, "busy") == 13

    wait_until(all_ended, "every copy to be counted")
    assert copies(gateway, result) >= 1
    if result == "timeout":
        assert copies(gateway, "busy") >= 5, "no more than four at once"
    if result != "answered":
        assert pairs(gateway) == 0
    # What is over leaves room for the next one.
    before = copies(gateway, result)
    assert gateway.chat("assistant")[0] == 200
    wait_until(lambda: copies(gateway, result) > before, "another copy")


def test_a_mirror_costs_nothing_where_nobody_compares(start, serve):
    primary, mirror = serve(lambda *_: answer("a")), serve(lambda *_: answer("b"))
    gateway = start(*mesh(primary.port, mirror.port, compare=False))
    # What came of the first copy would be known before the last one is through.
    for count in (1, 2, 3):
        assert gateway.chat("assistant", stream=False)[0] == 200
        wait_until(lambda: copies(gateway, "answered") == count, "the copy")
    assert pairs(gateway) == 0 and comparisons(gateway) == []


def test_copies_of_a_route_are_compared_over_http2_too(start, serve):
    behind = serve(lambda *_: reply(b'{"a": 1}', content_type="application/json"))
    # A second gateway stands for a mirror that speaks HTTP/2.
    mirror = start(backend("web", behind.port), route("all", rule("web")))
    primary = serve(lambda *_: reply(b'{ "a": 1 }', content_type="application/json"))
    copy = {"type": "RequestMirror", "requestMirror": {"backendRef": to("copy")}}
    gateway = start(
        backend("main", primary.port),
        backend("copy", mirror.port, appProtocol="kubernetes.io/h2c"),
        route("site", rule("main", filters=[copy])),
        policy("HTTPRoute", "site", comparison={"percent": 100}),
    )
    for _ in range(3):
        assert gateway.request("GET", "/x")[0] == 200
    wait_until(lambda: pairs(gateway) == 3, "the pairs to be compared")
    assert same(gateway, "text") == 0
    assert same(gateway, "structure") == same(gateway, "values") == 3
    assert len(behind.requests) == 3


def test_an_embeddings_model_that_fails_or_is_over_budget_harms_nobody(start, serve):
    primary, mirror = serve(lambda *_: answer("a")), serve(lambda *_: answer("b"))
    vectors = serve(lambda *_: reply(b"no", "500 No"))
    gateway = start(
        *mesh(
            primary.port,
            mirror.port,
            ai_backend("embedder", vectors.port),
            model("vectors", target("embedder")),
            similarity={**SIMILARITY, "perMinute": 15},
        ),
        arguments=["--concurrency", "1"],
    )
    for _ in range(10):
        assert gateway.chat("assistant")[0] == 200
    wait_until(lambda: pairs(gateway) == 10, "the pairs to be compared")
    gaps = "pinion_mirror_gaps_total"
    assert gateway.metric(gaps, reason="unmeasured") == len(vectors.requests) <= 3
    assert gateway.metric(gaps, reason="budget") >= 7
