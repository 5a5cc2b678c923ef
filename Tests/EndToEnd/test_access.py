# SPDX-License-Identifier: Apache-2.0
"""AccessPolicies on real sockets: what is let pass, refused, passed over and told."""

import gzip
import json

import openai
import pytest

from children import free_port, wait_until
from configuration import (
    access_policy,
    ai_backend,
    backend,
    limit_policy,
    model,
    route,
    rule,
    target,
    text,
)
from pinion import run
from wire import Wire

MESSAGE = [{"role": "user", "content": "hello"}]


def resources(port, *others):
    """A model `chat` on the server at `port`, and `others`."""
    return [
        ai_backend("servers", port),
        model("chat", target("servers", model="tiny"), aliases=["other-name"]),
        *others,
    ]


def test_the_openai_client_sees_why(start, simulate):
    sim = simulate("tiny")
    rules = [("team", "require", "request.headers['x-team'] == 'search'")]
    gateway = start(*resources(sim.port, access_policy("Model", "chat", *rules)))
    client = gateway.openai(max_retries=2)

    def ask(team):
        return client.chat.completions.create(
            model="chat", messages=MESSAGE, max_tokens=3, extra_headers={"x-team": team}
        )

    assert ask("search").choices
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask("sk-private-name")
    assert refused.value.status_code == 403
    assert refused.value.code == "access-denied"
    assert refused.value.type == "permission_error"
    assert "rule team of AccessPolicy default/model-chat" in refused.value.message
    assert "sk-private-name" not in refused.value.response.text
    # What was refused never went out, and the client did not try again.
    assert len(sim.requests()) == 1
    records = wait_until(
        lambda: [r for r in gateway.access_log() if r["status"] == 403], "the record"
    )
    assert len(records) == 1
    assert records[0]["error_scope"] == "policy"
    assert records[0]["access_rule"] == "default/model-chat/team"
    denied = {"policy": "default/model-chat", "rule": "team", "decision": "denied"}
    assert gateway.metric("pinion_access_decisions_total", **denied) == 1
    code, output, error = run(
        "explain",
        refused.value.response.headers["x-request-id"],
        "--admin",
        f"127.0.0.1:{gateway.admin}",
    )
    assert code == 0, error
    assert "authorize: rule default/model-chat/team requires what does not hold" in output


@pytest.mark.parametrize("stream", [False, True])
def test_rules_about_the_body_hold_for_streams_too(start, simulate, stream):
    sim = simulate("tiny")
    rules = [("bounded", "require", "has(ai.max_tokens) && ai.max_tokens <= 10")]
    gateway = start(*resources(sim.port, access_policy("Gateway", "mesh", *rules)))
    assert gateway.chat("chat", stream=stream, max_tokens=10)[0] == 200
    assert gateway.chat("chat", stream=stream, max_tokens=11)[0] == 403
    assert gateway.chat("chat", stream=stream)[0] == 403
    assert len(sim.requests()) == 1


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"model":"chat"}'),
        ({}, b'{"model":"other-name"}'),
        ({}, b'{"model":"\\u0063hat"}'),
        ({}, b'{"model":"free","model":"chat"}'),
        ({}, b'{"model":"free","max_tokens":5,"max_tokens":500}'),
        ({"content-encoding": "gzip"}, gzip.compress(b'{"model":"chat"}')),
        ({}, b'{"model":"chat"'),
        ({"x-team": "search, "}, b'{"model":"chat"}'),
    ],
)
def test_nothing_gets_past_a_rule_about_the_model(start, simulate, headers, body):
    sim = simulate("tiny")
    rules = [("closed", "deny", "ai.model == 'chat'")]
    free = model("free", target("servers", model="tiny"))
    gateway = start(*resources(sim.port, free, access_policy("Gateway", "mesh", *rules)))
    answer = gateway.request("POST", "/v1/chat/completions", body, headers)
    assert answer[0] in (400, 403, 415)
    assert sim.requests() == []
    assert gateway.chat("free", max_tokens=1)[0] == 200


def test_a_header_that_is_there_twice_is_no_answer(start, serve):
    server = serve()
    rules = [("team", "deny", "request.headers['x-team'] == 'blocked'")]
    gateway = start(
        backend("web", server.port),
        route("web", rule("web")),
        access_policy("HTTPRoute", "web", *rules),
    )
    for fields, status in [
        ("X-Team: good\nX-Team: blocked", 403),
        ("x-team: blocked\nX-TEAM: good", 403),
        ("X-Team: good", 200),
    ]:
        with Wire(gateway.port) as caller:
            caller.send(f"GET / HTTP/1.1\nHost: h\n{fields}\n\n")
            assert caller.answer().status == status


def test_a_backend_that_is_not_for_a_request_is_passed_over(start, simulate):
    first, second, third = simulate("tiny"), simulate("tiny"), simulate("tiny")
    rules = [("inside", "require", "request.headers['x-team'] == 'inside'")]
    gateway = start(
        ai_backend("one", first.port),
        ai_backend("two", second.port),
        ai_backend("three", third.port),
        model(
            "chat",
            target("one", model="tiny"),
            fallbacks=[target("two", model="tiny"), target("three", model="tiny")],
        ),
        access_policy("Backend", "one", *rules),
        access_policy("Backend", "two", *rules),
    )
    assert gateway.chat("chat", {"x-team": "inside"}, max_tokens=1)[0] == 200
    assert gateway.chat("chat", {"x-team": "outside"}, max_tokens=1)[0] == 200
    counts = [len(server.requests()) for server in (first, second, third)]
    assert counts == [1, 0, 1]


def test_a_fallback_after_a_failure_is_asked_about_too(start, simulate):
    second = simulate("tiny")
    rules = [("nobody", "deny", "destination.backend == 'default/two'")]
    gateway = start(
        ai_backend("one", free_port()),
        ai_backend("two", second.port),
        model("chat", target("one", model="tiny"), fallbacks=[target("two", model="tiny")]),
        access_policy("Gateway", "mesh", *rules),
    )
    status, _, body = gateway.chat("chat", max_tokens=1)
    assert (status, json.loads(body)["error"]["code"]) == (403, "access-denied")
    assert second.requests() == []


def test_a_refused_request_is_not_charged(start, simulate):
    sim = simulate("tiny")
    gateway = start(
        *resources(
            sim.port,
            access_policy("Model", "chat", ("team", "allow", "'x-team' in request.headers")),
            limit_policy("Model", "chat", {"name": "one", "requests": 1, "per": "1h"}),
        ),
        arguments=["--concurrency", "1"],
    )
    for _ in range(3):
        assert gateway.chat("chat", max_tokens=1)[0] == 403
    assert gateway.chat("chat", {"x-team": "a"}, max_tokens=1)[0] == 200
    assert gateway.chat("chat", {"x-team": "a"}, max_tokens=1)[0] == 429


def test_an_audit_counts_and_lets_pass(start, simulate):
    sim = simulate("tiny")
    audit = access_policy("Model", "chat", ("never", "deny", "ai.stream == false"), mode="audit")
    gateway = start(*resources(sim.port, audit))
    assert gateway.chat("chat", max_tokens=1)[0] == 200
    record = wait_until(gateway.access_log, "the record")[0]
    assert record["access_audited"] is True
    assert record["access_rule"] == "default/model-chat/never"
    audited = {"policy": "default/model-chat", "rule": "never", "decision": "audited"}
    assert gateway.metric("pinion_access_decisions_total", **audited) == 1


def test_a_mistake_in_a_rule_is_told_at_its_place(tmp_path):
    mistake = access_policy("Model", "chat", ("r", "deny", "request.metod == 'GET'"))
    file = tmp_path / "mesh.yaml"
    file.write_text(text(resources(1, mistake)), encoding="utf-8")
    status, out, _ = run("check", file)
    line = next(n for n, line in enumerate(file.read_text().splitlines(), 1) if "metod" in line)
    column = file.read_text().splitlines()[line - 1].index("request.metod") + 1
    assert status == 2 and f"mesh.yaml:{line}:{column}" in out, out
    assert "did you mean `request.method`?" in out


def test_rules_are_listed_in_the_order_in_which_they_are_asked(start, simulate):
    sim = simulate("tiny")
    rules = [
        ("last", "allow", "ai.model == 'chat'"),
        ("second", "require", "destination.provider == 'openai'"),
        ("first", "deny", "request.method == 'PUT'"),
    ]
    gateway = start(*resources(sim.port, access_policy("Model", "chat", *rules)))
    assert gateway.chat("chat", max_tokens=1)[0] == 200
    admin = f"127.0.0.1:{gateway.admin}"
    code, output, error = run("get", "access", "-o", "json", "--admin", admin)
    assert code == 0, error
    listed = [(row["rule"], row["action"], row["stage"]) for row in json.loads(output)]
    assert listed == [
        ("first", "deny", "head"),
        ("second", "require", "destination"),
        ("last", "allow", "body"),
        ("default", "deny", "body"),
    ]
    assert {row["targets"] for row in json.loads(output)} == {"Model/default/chat"}


def test_a_changed_rule_holds_for_the_next_request(start, simulate):
    sim = simulate("tiny")

    def made(team):
        rules = [("team", "require", f"request.headers['x-team'] == '{team}'")]
        return resources(sim.port, access_policy("Gateway", "mesh", *rules))

    gateway = start(*made("a"))
    assert gateway.chat("chat", {"x-team": "b"}, max_tokens=1)[0] == 403
    gateway.write(made("b"))
    wait_until(
        lambda: gateway.chat("chat", {"x-team": "b"}, max_tokens=1)[0] == 200, "the new rule"
    )
    assert gateway.chat("chat", {"x-team": "a"}, max_tokens=1)[0] == 403
