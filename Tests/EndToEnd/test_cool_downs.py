# SPDX-License-Identifier: Apache-2.0
"""Model servers that ask for a pause get it, from every event loop, and callers are told when to
come back only when nobody else is left.
"""

import json
from email.utils import formatdate
from time import time

import pytest

from chats import good
from children import wait_until
from configuration import ai_backend, model, policy, target
from faults import error
from pinion import run
from wire import reply

KEY = {"KEY": "secret"}


def provider(name, port, **spec):
    """A Backend that is shown a credential of the mesh."""
    return ai_backend(name, port, credential={"env": "KEY"}, **spec)


def refusing(**fields):
    """An answer that refuses for now."""
    body = json.dumps({"error": {"message": "slow down", "type": "rate_limit"}}).encode()
    whole = reply(body, "429 Too Many Requests", content_type="application/json", **fields)
    return lambda message, connection: whole


@pytest.mark.parametrize(
    "fields",
    [
        lambda: {"retry_after": "30"},
        lambda: {"retry_after": formatdate(time() + 30, usegmt=True)},
        lambda: {"retry_after_ms": "30000"},
        lambda: {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "30s"},
        lambda: {
            "anthropic_ratelimit_requests_remaining": "0",
            "anthropic_ratelimit_requests_reset": "2199-01-01T00:00:00Z",
        },
        lambda: {"ratelimit": '"default";r=0;t=30'},
    ],
    ids=["seconds", "date", "milliseconds", "openai", "anthropic", "ietf"],
)
def test_a_provider_that_says_wait_is_left_alone_by_all_loops(start, serve, fields):
    busy, spare = serve(refusing(**fields())), serve(good)
    gateway = start(
        provider("busy", busy.port),
        ai_backend("spare", spare.port),
        model("chat", target("busy"), fallbacks=[target("spare")]),
        environment=KEY,
        arguments=["--concurrency", "3"],
    )
    # Each of these is a connection of its own and falls on any loop.
    for _ in range(20):
        assert gateway.chat("chat")[0] == 200
    # The loops tell each other; a few may have asked before they heard of it.
    assert 1 <= len(busy.requests) <= 3
    assert len(spare.requests) == 20
    assert gateway.metric("pinion_cool_downs_total", backend="default/busy") >= 1
    assert gateway.metric(
        "pinion_targets_passed_over_total", backend="default/busy", reason="cooling"
    ) == 20 - len(busy.requests)


def test_when_all_cool_down_the_caller_is_told_when_the_first_is_back(start, serve):
    one, two = serve(refusing(retry_after="40")), serve(refusing(retry_after="20"))
    gateway = start(
        provider("one", one.port),
        provider("two", two.port),
        model("chat", target("one"), fallbacks=[target("two")]),
        environment=KEY,
        arguments=["--concurrency", "1"],
    )
    for _ in range(10):
        status, headers, body = gateway.chat("chat")
        assert status == 429
        assert 18 <= int(headers["retry-after"]) <= 20
    assert len(one.requests) == len(two.requests) == 1
    told = json.loads(body)["error"]
    assert told["code"] == "upstream-rate-limited"
    assert told["type"] == "rate_limit_error"
    assert told["retryable"] is True and told["scope"] == "upstream"
    status, out, err = run(
        "explain", told["request_id"], "--admin", f"127.0.0.1:{gateway.admin}"
    )
    assert status == 0, err
    assert "cools down for another" in out


def test_it_is_asked_again_when_its_time_is_over(start, serve):
    answers = [refusing(retry_after_ms="300")]
    shy = serve(lambda *call: (answers.pop() if answers else good)(*call))
    gateway = start(
        provider("shy", shy.port),
        model("chat", target("shy")),
        environment=KEY,
    )
    assert gateway.chat("chat")[0] == 429
    wait_until(lambda: gateway.chat("chat")[0] == 200, "the end of the pause")
    assert len(shy.requests) == 2


def test_another_endpoint_of_the_same_backend_is_asked_at_once(start, serve):
    busy, idle = serve(refusing(retry_after="30")), serve(good)
    gateway = start(
        ai_backend("servers", busy.port, idle.port),
        model("chat", target("servers")),
        policy("Backend", "servers", balancing={"type": "RoundRobin"}),
        arguments=["--concurrency", "1"],
    )
    for _ in range(10):
        assert gateway.chat("chat")[0] == 200
    assert len(busy.requests) == 1
    status, out, err = run("get", "endpoints", "--admin", f"127.0.0.1:{gateway.admin}")
    assert status == 0, err
    assert "cooling" in out


def test_a_model_that_keeps_failing_is_left_alone_and_found_again(start, serve):
    broken = [True]

    def answer(message, connection):
        if broken[0]:
            return error("500 Internal Server Error", "out of memory")
        return good(message, connection)

    first, spare = serve(answer), serve(good)
    gateway = start(
        ai_backend("first", first.port),
        ai_backend("spare", spare.port),
        model("chat", target("first"), fallbacks=[target("spare")]),
        policy(
            "Backend",
            "first",
            outlierDetection={"consecutiveFailures": 3, "baseEjectionTime": "1s"},
        ),
        arguments=["--concurrency", "1"],
    )
    for _ in range(12):
        assert gateway.chat("chat")[0] == 200
    assert len(first.requests) == 3
    assert gateway.metric("pinion_model_circuits_opened_total", backend="default/first") == 1
    broken[0] = False
    wait_until(
        lambda: gateway.chat("chat")[1].get("x-pinion-backend") is None, "the first again"
    )
    asked = len(first.requests)
    for _ in range(5):
        assert gateway.chat("chat")[0] == 200
    assert len(first.requests) == asked + 5
