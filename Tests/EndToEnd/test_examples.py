# SPDX-License-Identifier: Apache-2.0
"""The examples do what their README says, on ports of the test's choice."""

import json
import re
import ssl
import subprocess

import pytest

import secure
from children import free_port, wait_until
from engines import OPA
from pinion import ROOT, run

EXAMPLES = ROOT / "Examples"


@pytest.fixture
def run_example(start, simulate):
    """run_example(folder, servers): the example with `servers`, {port: models}, simulated, and
    with `others`, {port: the port that stands for it}."""

    def make(folder, servers, others=None, **options):
        sims = {port: simulate(*models) for port, models in servers.items()}

        def text(gateway):
            ports = {8080: gateway.port, **{port: sim.port for port, sim in sims.items()}}
            ports.update(others or {})
            return re.sub(
                r"\b(8080|91\d\d)\b",
                lambda found: str(ports.setdefault(int(found[1]), free_port())),
                (EXAMPLES / folder / "mesh.yaml").read_text(),
            )

        return start(text=text, **options), sims

    return make


def test_quickstart_streams(run_example):
    servers = {9101: ["tiny-a"], 9102: ["tiny-b"], 9103: ["tiny-fallback"]}
    gateway, sims = run_example("quickstart", servers)
    stream = gateway.openai().chat.completions.create(
        model="quickstart", messages=[{"role": "user", "content": "hello"}], stream=True
    )
    assert "".join(part.choices[0].delta.content or "" for part in stream)
    for _ in range(60):
        assert gateway.chat("quickstart", max_tokens=1)[0] == 200
    assert len(sims[9101].requests()) > len(sims[9102].requests()) > 0
    assert sims[9103].requests() == []


def test_quickstart_falls_back(run_example):
    gateway, sims = run_example("quickstart", {9103: ["tiny-fallback"]})
    assert gateway.chat("quickstart", max_tokens=1)[0] == 200
    assert len(sims[9103].requests()) == 1


def test_canary_splits(run_example):
    gateway, sims = run_example("canary", {9101: ["assistant-1"], 9102: ["assistant-2"]})
    for _ in range(100):
        assert gateway.chat("assistant", max_tokens=1)[0] == 200
    # Five percent of 100 with five standard deviations above.
    assert len(sims[9102].requests()) <= 16
    before = len(sims[9102].requests())
    for _ in range(20):
        gateway.chat("assistant", {"x-session-id": "one"}, max_tokens=1)
    assert len(sims[9102].requests()) - before in (0, 20)
    assert gateway.chat("assistant-next", max_tokens=1)[0] == 200
    assert sims[9102].requests()


def test_rollout_takes_over(run_example, tmp_path):
    gateway, _ = run_example(
        "rollout",
        {9101: ["assistant-1"], 9102: ["assistant-2"]},
        arguments=["--state-dir", str(tmp_path / "states")],
    )

    def promoted():
        for _ in range(20):
            assert gateway.chat("assistant", max_tokens=1)[0] == 200
        return gateway.metric("pinion_rollout_phase", phase="Promoted") == 1

    wait_until(promoted, "the canary to take over", seconds=60)
    for _ in range(20):
        status, _, body = gateway.chat("assistant", max_tokens=1)
        assert status == 200 and json.loads(body)["model"] == "assistant-2"


def test_shadow_compares_and_answers_nobody(run_example):
    servers = {9101: ["assistant-1"], 9102: ["assistant-2"], 9103: ["vectors"]}
    gateway, sims = run_example("shadow", servers)
    for _ in range(5):
        status, _, body = gateway.chat("assistant", max_tokens=4)
        assert status == 200 and json.loads(body)["model"] == "assistant-1"
    wait_until(
        lambda: gateway.metric("pinion_mirror_pairs_total", measure="status") == 5,
        "the answers to be compared",
    )
    assert len(sims[9102].requests()) == 5


def test_failover_serves_from_the_second_site(run_example):
    gateway, sims = run_example("failover", {9102: ["tiny"]})
    for _ in range(5):
        assert gateway.chat("assistant", max_tokens=1)[0] == 200
    assert len(sims[9102].requests()) == 5


def test_locality_serves_from_the_nearest_place(run_example):
    gateway, sims = run_example("locality", {port: ["tiny"] for port in (9101, 9102, 9103)})
    for _ in range(10):
        assert gateway.chat("assistant", max_tokens=1)[0] == 200
    assert len(sims[9101].requests()) == 10
    assert sims[9102].requests() == sims[9103].requests() == []


def test_locality_goes_to_the_region_next(run_example):
    gateway, sims = run_example("locality", {9102: ["tiny"], 9103: ["tiny"]})
    for _ in range(10):
        assert gateway.chat("assistant", max_tokens=1)[0] == 200
    assert sims[9102].requests() and not sims[9103].requests()


def test_header_routing_sends_a_team_to_its_own_server(run_example):
    gateway, sims = run_example("header-routing", {9101: ["tiny"], 9102: ["tiny"]})

    def asked():
        return [len(sims[port].requests()) for port in sims]

    assert gateway.chat("tiny", max_tokens=1)[0] == 200
    assert asked() == [1, 0]
    assert gateway.chat("tiny", {"x-team": "research"}, max_tokens=1)[0] == 200
    assert asked() == [1, 1]
    assert "x-team" not in sims[9102].requests()[-1]["headers"]


def test_limits_refuse_one_team_and_not_the_other(run_example):
    gateway, _ = run_example("limits", {9101: ["tiny"]}, arguments=["--concurrency", "1"])

    def ask(team):
        headers = {"x-team": team, "x-sim-tokens": "900"}
        return gateway.chat("assistant", headers, max_tokens=900)

    statuses = [ask("research")[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 429]
    status, headers, body = ask("research")
    assert (status, json.loads(body)["error"]["code"]) == (429, "token-limit")
    assert int(headers["retry-after"]) > 60
    assert ask("support")[0] == 200
    assert gateway.metric("pinion_limit_decisions_total", limit="proposed", decision="audited") == 5
    assert gateway.metric("pinion_cost_total", currency="USD") > 5 * 900 * 0.6 / 1e6


def test_access_refuses_by_team_model_and_bound(run_example):
    gateway, sims = run_example("access", {9101: ["tiny"]})

    def ask(model, team, **fields):
        status, _, body = gateway.chat(model, {"x-team": team}, **fields)
        return status, json.loads(body).get("error", {}).get("message", "")

    assert ask("assistant", "support", max_tokens=1)[0] == 200
    assert ask("expensive", "research", max_tokens=1)[0] == 200
    for team, model, fields, rule in [
        ("other", "assistant", {}, "no rule of AccessPolicy default/teams"),
        ("support", "expensive", {"max_tokens": 1}, "rule research-only"),
        ("research", "expensive", {}, "rule bounded of AccessPolicy default/expensive"),
        ("research", "expensive", {"max_tokens": 1001}, "set max_tokens to 1000 or less"),
    ]:
        status, message = ask(model, team, **fields)
        assert status == 403 and rule in message
    assert len(sims[9101].requests()) == 2
    assert gateway.chat("assistant", {"x-team": "support"}, stream=True)[0] == 200
    audited = {"rule": "no-streams", "decision": "audited"}
    assert gateway.metric("pinion_access_decisions_total", **audited) == 1


def test_residency_keeps_patients_in_europe(run_example):
    gateway, sims = run_example("residency", {9102: ["tiny"], 9103: ["tiny"]})
    virginia, dublin = sims[9102], sims[9103]

    def ask(model, **headers):
        return gateway.chat(model, headers, max_tokens=1)[0]

    assert ask("assistant") == 200
    assert (len(virginia.requests()), len(dublin.requests())) == (1, 0)
    assert ask("assistant", **{"x-data-label": "phi"}) == 200
    assert ask("assistant", **{"x-ward": "3"}) == 200
    assert ask("clinic") == 200
    assert (len(virginia.requests()), len(dublin.requests())) == (1, 3)
    dublin.set_faults(status=503)
    assert ask("assistant", **{"x-data-label": "phi"}) >= 500
    assert len(virginia.requests()) == 1
    code, output, _ = run("prove", "residency", "-f", EXAMPLES / "residency")
    assert code == 1 and "fallback 0 of Model default/assistant: backend default/virginia" in output
    code, output, _ = run("prove", "residency", "-f", EXAMPLES / "residency", "--rely-on-filter")
    assert code == 0 and "proved: " in output


def test_identity_knows_keys_and_tokens_and_counts_each_caller(start, simulate, issue, tmp_path):
    issuer, sim = issue(), simulate("tiny")
    file = tmp_path / "keys.jsonl"

    def text(gateway):
        written = (EXAMPLES / "identity" / "mesh.yaml").read_text()
        for old, new in [
            ("port: 8080", f"port: {gateway.port}"),
            ("port: 9101", f"port: {sim.port}"),
            ("http://127.0.0.1:9110", issuer.url),
            ("keys.jsonl", str(file)),
        ]:
            assert old in written
            written = written.replace(old, new)
        return written

    gateway = start(text=text, arguments=["--concurrency", "1"])
    admin = ["--admin", f"127.0.0.1:{gateway.admin}"]

    def ask(token):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return gateway.chat("assistant", headers, max_tokens=1)[0]

    def key(*scopes):
        arguments = [part for scope in scopes for part in ("--scope", scope)]
        made = run("key", "create", "--owner", "me", *arguments, *admin)[1].strip()
        wait_until(lambda: ask(made) != 401, "the key in use")
        return made

    assert ask(None) == 401
    assert ask(key()) == 403
    chat = key("chat")
    assert ask(chat) == 200
    assert ask(issuer.token(groups=["staff"])) == 200
    assert ask(issuer.token(groups=["guests"])) == 403
    while ask(chat) == 200:
        pass
    assert ask(chat) == 429
    assert ask(issuer.token(groups=["staff"])) == 200


def test_tls_lets_workloads_in(start, simulate, tmp_path):
    server = simulate("tiny")
    folder = tmp_path / "certificates"
    script = EXAMPLES / "tls" / "certificates.sh"
    subprocess.run([script, folder], check=True, timeout=30)
    written = (EXAMPLES / "tls" / "mesh.yaml").read_text().replace("/tmp/pinion-tls", str(folder))
    gateway = start(
        text=lambda gateway: written.replace("8443", str(gateway.port)).replace(
            "9101", str(server.port)
        )
    )

    def client(name=None):
        context = ssl.create_default_context(cafile=folder / "root.crt")
        if name:
            context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
        return context

    path = "/v1/models"
    status, _, body = secure.get(gateway.port, client("agent"), "localhost", path)
    assert (status, json.loads(body)["data"][0]["id"]) == (200, "tiny")
    assert secure.get(gateway.port, client("other"), "localhost", path)[0] == 403
    assert secure.fails(gateway.port, client(), "localhost") is not None
    before = secure.serial_shown(gateway.port, client("agent"), "localhost")
    subprocess.run([script, folder], check=True, timeout=30)
    wait_until(
        lambda: secure.serial_shown(gateway.port, client("agent"), "localhost") != before,
        "rotation",
    )


def test_policy_engine_bounds_a_team_by_rego(run_example):
    policy = (EXAMPLES / "policy-engine" / "policy.rego").read_text(encoding="utf-8")
    opa = OPA(policy)
    try:
        gateway, sims = run_example(
            "policy-engine", {9101: ["tiny"]}, others={9181: opa.port, 9180: free_port()}
        )
        assert gateway.chat("assistant", max_tokens=1)[0] == 403
        assert opa.asked == []
        assert gateway.chat("assistant", {"x-team": "research"}, max_tokens=500)[0] == 200
        status, _, body = gateway.chat("assistant", {"x-team": "support"}, max_tokens=500)
        assert status == 403
        assert "more than your team's allowance" in json.loads(body)["error"]["message"]
        assert gateway.chat("assistant", {"x-team": "support"}, max_tokens=50)[0] == 200
        assert len(sims[9101].requests()) == 2
    finally:
        opa.end()


def test_overload_is_measured(run_example):
    gateway, _ = run_example("overload", {9101: ["tiny"]})
    for kind in ("interactive", "batch", "other"):
        status, _, body = gateway.chat("assistant", {"x-class": kind}, max_tokens=1)
        assert status == 200, body
    assert gateway.metric("pinion_turnstile_requests_total", result="entered") == 3
    place = ["--admin", f"127.0.0.1:{gateway.admin}"]
    code, text, errors = run("get", "overload", *place)
    assert code == 0 and "default/servers" in text, errors
