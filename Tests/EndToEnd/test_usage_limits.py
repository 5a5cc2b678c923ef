# SPDX-License-Identifier: Apache-2.0
"""LimitPolicies: what is let in, refused, charged and given back, on real sockets."""

import json

import openai
import pytest

from children import free_port, wait_until
from configuration import (
    ai_backend,
    backend,
    limit_policy,
    model,
    route,
    rule,
    target,
)
from pinion import run
from wire import reply

ONE_LOOP = ["--concurrency", "1"]
PRICE = {"inputPerMillion": "0.15", "outputPerMillion": 0.6}


def resources(port, *limits, **fields):
    """A priced model on the server at `port`, under `limits`."""
    return [
        ai_backend("servers", port),
        model("chat", target("servers", model="tiny"), price=PRICE, **fields),
        *([limit_policy("Model", "chat", *limits)] if limits else []),
    ]


def listed(gateway):
    """What `pinion get limits` lists, by the limit's name."""
    admin = f"127.0.0.1:{gateway.admin}"
    code, output, error = run("get", "limits", "-o", "json", "--admin", admin)
    assert code == 0, error
    return {row["limit"]: row for row in json.loads(output)}


def left(gateway, limit):
    """What is left of a limit, as a number."""
    return float(listed(gateway)[limit]["left"].split()[0])


def test_the_openai_client_sees_why_and_when(start, simulate):
    sim = simulate("tiny")
    limit = {"name": "few", "requests": 2, "per": "1h"}
    gateway = start(*resources(sim.port, limit), arguments=ONE_LOOP)
    client = gateway.openai()
    message = [{"role": "user", "content": "hello"}]
    for remaining in ["1", "0"]:
        answer = client.chat.completions.with_raw_response.create(
            model="chat", messages=message, max_tokens=3
        )
        assert answer.headers["x-ratelimit-limit-requests"] == "2"
        assert answer.headers["x-ratelimit-remaining-requests"] == remaining
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="chat", messages=message, max_tokens=3)
    assert refused.value.status_code == 429
    assert refused.value.code == "request-limit"
    assert refused.value.type == "rate_limit_error"
    assert 1790 <= int(refused.value.response.headers["retry-after"]) <= 1800
    assert "limit few of LimitPolicy default/model-chat" in refused.value.message
    assert len(sim.requests()) == 2
    record = wait_until(
        lambda: [r for r in gateway.access_log() if r["status"] == 429], "the record"
    )[0]
    assert record["error_code"] == "request-limit" and record["error_scope"] == "limit"
    assert record["limit"] == "default/model-chat/few"


def test_a_client_that_waits_gets_in(start, simulate):
    sim = simulate("tiny")
    limit = {"name": "slow", "requests": 2, "per": "2s", "burst": 1}
    gateway = start(*resources(sim.port, limit), arguments=ONE_LOOP)
    client = gateway.openai(max_retries=3)
    for _ in range(3):
        client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "hello"}], max_tokens=3
        )
    assert gateway.metric("pinion_limit_decisions_total", decision="refused") >= 1
    assert gateway.metric("pinion_limit_decisions_total", decision="admitted") == 3


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_and_money_are_settled_by_what_was_used(start, simulate, stream):
    sim = simulate("tiny")
    limits = [
        {"name": "tokens", "tokens": 100_000, "per": "744h"},
        {"name": "money", "cost": 1, "per": "744h"},
    ]
    gateway = start(*resources(sim.port, *limits), arguments=ONE_LOOP)
    headers = {"x-sim-tokens": "20"}
    status, answered, body = gateway.chat("chat", headers, stream=stream, max_tokens=20_000)
    assert status == 200, body
    assert int(answered["x-ratelimit-remaining-tokens"]) < 80_001
    record = wait_until(gateway.access_log, "the record")[0]
    used = record["tokens_in"] + record["tokens_out"]
    assert record["tokens_out"] == 20
    # What comes back in the meantime is some tokens a minute.
    assert 100_000 - used <= left(gateway, "tokens") <= 100_000 - used + 2
    cost = (record["tokens_in"] * 0.15 + record["tokens_out"] * 0.6) / 1e6
    assert record["cost"] == pytest.approx(cost) and record["currency"] == "USD"
    assert left(gateway, "money") == pytest.approx(1 - cost, abs=2e-5)
    assert gateway.metric("pinion_cost_total", currency="USD") == pytest.approx(cost)
    assert gateway.metric("pinion_limit_usage_total", limit="tokens", state="settled") == used


def test_a_token_limit_refuses_and_names_what_is_needed(start, simulate):
    sim = simulate("tiny")
    limit = {"name": "tokens", "tokens": 1000, "per": "1h"}
    gateway = start(*resources(sim.port, limit), arguments=ONE_LOOP)
    assert gateway.chat("chat", {"x-sim-tokens": "900"}, max_tokens=900)[0] == 200
    status, headers, body = gateway.chat("chat", max_tokens=500)
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (429, "token-limit")
    assert headers["x-ratelimit-limit-tokens"] == "1000"
    assert int(headers["x-ratelimit-remaining-tokens"]) < 100
    assert "1000 tokens per 1h0m0s" in error["message"]
    # What fits still enters.
    assert gateway.chat("chat", {"x-sim-tokens": "5"}, max_tokens=5)[0] == 200


def test_what_is_refused_or_never_sent_is_not_charged(start, simulate):
    sim = simulate("tiny")
    limits = [
        {"name": "few", "requests": 3, "per": "744h"},
        {"name": "none", "tokens": 600, "per": "744h"},
    ]
    gateway = start(
        *resources(sim.port, *limits),
        ai_backend("down", free_port()),
        model("lost", target("down")),
        limit_policy("Model", "lost", {"name": "lost", "requests": 3, "per": "744h"}),
        arguments=ONE_LOOP,
    )
    for _ in range(5):
        assert gateway.chat("lost")[0] == 503
        assert gateway.chat("unknown")[0] == 404
        assert gateway.chat("chat", max_tokens="many")[0] == 400
    assert left(gateway, "lost") == 3 and left(gateway, "few") == 3
    assert gateway.chat("chat", {"x-sim-tokens": "580"}, max_tokens=580)[0] == 200
    for _ in range(5):
        assert gateway.chat("chat", max_tokens=580)[0] == 429
    # The second limit said no: the first one was charged for the one that was served.
    assert left(gateway, "few") == 2
    assert len(sim.requests()) == 1


def test_all_policies_hold_together_and_keys_are_apart(start, simulate, serve):
    sim = simulate("tiny")
    gateway = start(
        *resources(sim.port, {"name": "team", "requests": 2, "per": "1h", "key": "header:x-team"}),
        backend("plain", serve(lambda *_: reply(b"ok")).port),
        route("site", rule("plain"), hostnames=["site.test"]),
        limit_policy("Gateway", "mesh", {"name": "all", "requests": 5, "per": "1h"}),
        limit_policy("HTTPRoute", "site", {"name": "site", "requests": 1, "per": "1h"}),
        arguments=ONE_LOOP,
    )
    statuses = [gateway.chat("chat", {"x-team": "a"}, max_tokens=1)[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert gateway.chat("chat", {"x-team": "b"}, max_tokens=1)[0] == 200
    site = {"Host": "site.test"}
    assert gateway.request("GET", "/", headers=site)[0] == 200
    status, _, body = gateway.request("GET", "/", headers=site)
    assert (status, json.loads(body)["code"]) == (429, "request-limit")
    assert "limit site of LimitPolicy default/httproute-site" in json.loads(body)["detail"]
    # Four of the Gateway's five are used; the refused ones took nothing.
    assert gateway.chat("chat", {"x-team": "c"}, max_tokens=1)[0] == 200
    status, _, body = gateway.chat("chat", {"x-team": "d"}, max_tokens=1)
    assert status == 429 and "limit all of" in json.loads(body)["error"]["message"]
    assert listed(gateway)["team"]["keys"] == 4


def test_a_reload_keeps_what_was_used(start, simulate):
    sim = simulate("tiny")

    def limited(requests):
        return resources(sim.port, {"name": "few", "requests": requests, "per": "744h"})

    gateway = start(*limited(3), arguments=ONE_LOOP)
    for _ in range(3):
        assert gateway.chat("chat", max_tokens=1)[0] == 200
    assert gateway.chat("chat", max_tokens=1)[0] == 429
    gateway.write(limited(4))
    wait_until(lambda: listed(gateway)["few"]["amount"] == "4 requests", "the reload")
    assert gateway.chat("chat", max_tokens=1)[0] == 200
    assert gateway.chat("chat", max_tokens=1)[0] == 429
    gateway.write(resources(sim.port))
    wait_until(lambda: not listed(gateway), "the reload")
    assert gateway.chat("chat", max_tokens=1)[0] == 200


def test_an_audit_only_watches(start, simulate):
    sim = simulate("tiny")
    limit = {"name": "try", "requests": 1, "per": "1h", "mode": "audit"}
    gateway = start(*resources(sim.port, limit), arguments=ONE_LOOP)
    for _ in range(3):
        assert gateway.chat("chat", max_tokens=1)[0] == 200
    records = wait_until(
        lambda: len(found := gateway.access_log()) >= 3 and found, "three records"
    )
    assert [record.get("limit_audited") for record in records] == [None, True, True]
    assert gateway.metric("pinion_limit_decisions_total", decision="audited") == 2
    assert listed(gateway)["try"]["mode"] == "audit"


def test_loops_divide_the_amount(start, simulate):
    sim = simulate("tiny")
    limit = {"name": "few", "requests": 10, "per": "744h"}
    gateway = start(*resources(sim.port, limit), arguments=["--concurrency", "4"])
    served = sum(gateway.chat("chat", max_tokens=1)[0] == 200 for _ in range(60))
    # Connections fall on the loops at random; each has three of twelve.
    assert 3 <= served <= 12
    assert left(gateway, "few") == 12 - served


def test_a_limit_that_cannot_hold_is_refused(tmp_path):
    file = tmp_path / "mesh.yaml"
    file.write_text(
        """
apiVersion: pinion.dev/v1alpha1
kind: LimitPolicy
metadata: {name: money}
spec:
  targetRefs: [{group: pinion.dev, kind: Model, name: chat}]
  limits:
    - name: daily
      cost: 5
      per: 24h
      key: surce
"""
    )
    code, output, error = run("check", "-f", file)
    assert code != 0
    assert "mesh.yaml:11:12" in output + error
    assert "there is no Model `chat`" in output + error
