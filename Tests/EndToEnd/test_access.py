# SPDX-License-Identifier: Apache-2.0
"""Access policies: who may ask for what, on real sockets."""

import gzip
import json

import openai
import pytest

from configuration import PINION, ai_backend, model, resource, target
from pinion import run

BLOCKED = {"x-team": "blocked"}


def access(kind, name, *rules, **spec):
    """An AccessPolicy on the `kind` of ours called `name`."""
    reference = {"group": "pinion.dev", "kind": kind, "name": name}
    spec = {"targetRefs": [reference], "rules": list(rules), **spec}
    return resource(PINION, "AccessPolicy", f"{kind.lower()}-{name}", spec)


def rule(name, action, when, **fields):
    """A rule of a policy."""
    return {"name": name, "action": action, "when": when, **fields}


def guarded(start, sim, *policies):
    """A gateway with one model in front of `sim`."""
    return start(
        ai_backend("servers", sim.port), model("chat", target("servers", model="tiny")), *policies
    )


DENY = rule("team", "deny", "request.headers['x-team'] == 'blocked'", message="ask the team")


def test_a_caller_is_refused_in_its_dialect(start, simulate):
    sim = simulate("tiny")
    gateway = guarded(start, sim, access("Model", "chat", DENY))
    client = gateway.openai()
    messages = [{"role": "user", "content": "hello"}]
    client.chat.completions.create(model="chat", messages=messages, extra_headers={"x-team": "a"})
    before = len(sim.requests())
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model="chat", messages=messages, extra_headers=BLOCKED)
    assert caught.value.status_code == 403
    assert caught.value.body["code"] == "access-denied"
    assert "ask the team" in caught.value.body["message"]
    assert "blocked" not in caught.value.body["message"]
    assert len(sim.requests()) == before
    denied = gateway.metric("pinion_access_decisions_total", rule="team", decision="denied")
    assert denied == 1


def test_bodies_cannot_walk_around_a_rule(start, simulate):
    limit = rule("bounded", "require", "has(ai.max_tokens) && ai.max_tokens <= 10")
    sim = simulate("tiny")
    gateway = guarded(start, sim, access("Model", "chat", limit))
    assert gateway.chat("chat", max_tokens=5)[0] == 200
    assert gateway.chat("chat", max_tokens=500)[0] == 403
    assert gateway.chat("chat")[0] == 403
    before = len(sim.requests())
    head = {"content-type": "application/json"}
    twice = '{"model":"chat","max_tokens":5,"max_tokens":500,"messages":[]}'
    assert gateway.request("POST", "/v1/chat/completions", twice, head)[0] == 400
    packed = gzip.compress(json.dumps({"model": "chat", "max_tokens": 5}).encode())
    status, _, _ = gateway.request(
        "POST", "/v1/chat/completions", packed, {**head, "content-encoding": "gzip"}
    )
    assert status == 415
    assert len(sim.requests()) == before


def test_an_audit_lets_pass_and_counts(start, simulate):
    gateway = guarded(start, simulate("tiny"), access("Model", "chat", DENY, mode="audit"))
    assert gateway.chat("chat", headers=BLOCKED)[0] == 200
    audited = gateway.metric("pinion_access_decisions_total", rule="team", decision="audited")
    assert audited == 1


def test_a_backend_that_is_refused_is_passed_over(start, simulate):
    first, second = simulate("tiny"), simulate("tiny")
    gateway = start(
        ai_backend("first", first.port),
        ai_backend("second", second.port),
        model("chat", target("first", model="tiny"), fallbacks=[target("second", model="tiny")]),
        access("Backend", "first", DENY),
    )
    assert gateway.chat("chat", headers=BLOCKED)[0] == 200
    assert not first.requests() and len(second.requests()) == 1
    status, headers, _ = gateway.chat("chat", headers={"x-team": "a"})
    assert status == 200 and len(first.requests()) == 1
    admin = ("--admin", f"127.0.0.1:{gateway.admin}")
    status, out, err = run("explain", headers["x-request-id"], *admin)
    assert status == 0 and "authorize:" in out, (out, err)


def test_a_rule_that_makes_no_sense_is_told_where(start, tmp_path):
    file = tmp_path / "mesh.yaml"
    file.write_text(
        json.dumps(access("Model", "chat", rule("r", "deny", "request.metod == 'GET'"))),
        encoding="utf-8",
    )
    status, out, _ = run("check", file)
    assert status == 2 and "metod" in out, out
