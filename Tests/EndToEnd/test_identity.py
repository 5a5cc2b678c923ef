# SPDX-License-Identifier: Apache-2.0
"""IdentityProviders on real sockets: API keys, tokens, their issuers, and what may go wrong."""

import json
import os
import time

import openai
import pytest

from children import free_port, wait_until
from configuration import (
    access_policy,
    ai_backend,
    identity_provider,
    limit_policy,
    model,
    target,
)
from issuer import Key
from pinion import run

MESSAGE = [{"role": "user", "content": "hello"}]


def resources(port, *others):
    """A model `chat` on the server at `port`, and `others`."""
    return [ai_backend("servers", port), model("chat", target("servers", model="tiny")), *others]


def tokens(issuer, **jwt):
    """An IdentityProvider for tokens of `issuer` on the whole Gateway."""
    fields = {"issuer": issuer.url, "audiences": ["mesh"], **jwt}
    return identity_provider("Gateway", "corp", "mesh", jwt=fields)


def api_keys(file, **spec):
    """An IdentityProvider for the API keys in `file` on the whole Gateway."""
    return identity_provider("Gateway", "keys", "mesh", apiKeys={"file": str(file)}, **spec)


def ask(gateway, token=None, **headers):
    """The status of a chat request with `token`, and its answer."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        headers["authorization"] = f"Bearer {token}"
    status, fields, body = gateway.chat("chat", headers, max_tokens=1)
    return status, fields, json.loads(body)


def code(answer):
    """The code of a refusal."""
    return answer[2]["error"]["code"]


def key(command, gateway, *arguments):
    """Runs `pinion key`; standard output."""
    admin = ["--admin", f"127.0.0.1:{gateway.admin}"]
    status, output, error = run("key", command, *arguments, *admin)
    assert status == 0, error
    return output.strip()


# API keys


def test_a_key_is_made_used_and_revoked_without_a_restart(start, simulate, tmp_path):
    sim = simulate("tiny")
    file = tmp_path / "keys.jsonl"
    gateway = start(*resources(sim.port, api_keys(file)))
    client = gateway.openai(api_key="pinion_nobody")
    with pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model="chat", messages=MESSAGE, max_tokens=1)
    assert refused.value.code == "invalid-credential"
    assert refused.value.response.headers["www-authenticate"].startswith("Bearer ")

    text = key("create", gateway, "--owner", "team-a", "--scope", "chat")
    assert text.startswith("pinion_") and len(text) == 72
    wait_until(lambda: ask(gateway, text)[0] == 200, "the key in use", every=0.01)
    answer = gateway.openai(api_key=text).chat.completions.create(
        model="chat", messages=MESSAGE, max_tokens=1
    )
    assert answer.choices
    assert ask(gateway, x_api_key=text)[0] == 200
    assert sim.requests()

    listed = json.loads(key("list", gateway, "-o", "json"))
    assert [(row["owner"], row["scopes"], row["state"]) for row in listed] == [
        ("team-a", "chat", "active")
    ]
    key("revoke", gateway, listed[0]["id"])
    wait_until(lambda: ask(gateway, text)[0] == 401, "the revocation", every=0.01)
    assert "revoked" in ask(gateway, text)[2]["error"]["message"]
    assert json.loads(key("list", gateway, "-o", "json"))[0]["state"] == "revoked"

    # The secret is nowhere but in the hands of whom it was shown to.
    assert text.encode() not in file.read_bytes() and text[20:] not in file.read_text()
    assert os.stat(file).st_mode & 0o077 == 0
    good = wait_until(
        lambda: [r for r in gateway.access_log() if r["status"] == 200], "the records"
    )
    assert {record.get("identity") for record in good} == {"team-a"}
    assert {record.get("identity_provider") for record in good} == {"default/keys"}
    assert text[20:] not in gateway.output()


def test_many_keys_are_made_at_once_and_none_is_lost(start, simulate, tmp_path):
    import concurrent.futures

    file = tmp_path / "keys.jsonl"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(
                lambda n: run("key", "create", "--owner", f"o{n}", "--file", file)[1].strip(),
                range(24),
            )
        )
    assert len(set(made)) == 24
    listed = json.loads(run("key", "list", "--file", file, "-o", "json")[1])
    assert sorted(row["owner"] for row in listed) == sorted(f"o{n}" for n in range(24))
    gateway = start(*resources(simulate("tiny").port, api_keys(file)))
    assert all(ask(gateway, text)[0] == 200 for text in made)


def test_a_key_expires(start, simulate, tmp_path):
    file = tmp_path / "keys.jsonl"
    text = run("key", "create", "--owner", "a", "--expires-in", "1s", "--file", file)[1].strip()
    gateway = start(*resources(simulate("tiny").port, api_keys(file)))
    wait_until(lambda: ask(gateway, text)[0] == 401, "its end")
    assert "expired" in ask(gateway, text)[2]["error"]["message"]


def test_a_broken_file_of_keys_changes_nothing(start, simulate, tmp_path):
    file = tmp_path / "keys.jsonl"
    text = run("key", "create", "--owner", "a", "--file", file)[1].strip()
    gateway = start(*resources(simulate("tiny").port, api_keys(file)))
    good = file.read_text()
    draft = tmp_path / "draft"
    draft.write_text(good + '{"id":"half')
    os.replace(draft, file)
    wait_until(lambda: "describes no API key" in gateway.output(), "the report")
    assert ask(gateway, text)[0] == 200
    draft.write_text("")
    os.replace(draft, file)
    wait_until(lambda: ask(gateway, text)[0] == 401, "the empty file")


def test_scopes_and_owners_decide_in_rules_and_limits(start, simulate, tmp_path):
    file = tmp_path / "keys.jsonl"

    def make(owner, *scopes):
        arguments = [part for scope in scopes for part in ("--scope", scope)]
        return run("key", "create", "--owner", owner, "--file", file, *arguments)[1].strip()

    reader, writer, other = make("a", "read"), make("b", "read", "chat"), make("c", "chat")
    rules = [("chat", "require", "'chat' in source.key.scopes")]
    gateway = start(
        *resources(
            simulate("tiny").port,
            api_keys(file),
            access_policy("Gateway", "mesh", *rules),
            limit_policy(
                "Model", "chat", {"name": "each", "requests": 2, "per": "1h", "key": "identity"}
            ),
        ),
        arguments=["--concurrency", "1"],
    )
    assert ask(gateway, reader)[0] == 403
    assert [ask(gateway, writer)[0] for _ in range(3)] == [200, 200, 429]
    assert ask(gateway, other)[0] == 200


# Tokens


def test_tokens_of_an_issuer_are_known_by_discovery(start, simulate, issue):
    issuer = issue(Key("k1"), Key("r1", "RS256"), Key("p1", "PS256"))
    rules = [("staff", "require", "'staff' in jwt.claims.groups && jwt.claims.level >= 3")]
    sim = simulate("tiny")
    gateway = start(
        *resources(sim.port, tokens(issuer), access_policy("Gateway", "mesh", *rules))
    )
    for signer in issuer.keys:
        token = issuer.token(signer, groups=["all", "staff"], level=3)
        assert ask(gateway, token)[0] == 200, signer.algorithm
    assert code(ask(gateway, issuer.token(groups=["all"], level=9))) == "access-denied"
    assert code(ask(gateway)) == "unauthenticated"
    count = len(sim.requests())
    elsewhere = issue()
    for token, reason in [
        (issuer.token(exp=int(time.time()) - 61), "expired"),
        (issuer.token(nbf=int(time.time()) + 90), "not valid yet"),
        (issuer.token(aud="other"), "another audience"),
        (issuer.token(aud=None), "lacks a claim"),
        (issuer.token(iss="https://other.test"), "not trusted"),
        (elsewhere.token(), "not trusted"),
        (elsewhere.token(iss=issuer.url, sub="mallory"), "signature is wrong"),
        ("x.y.z", "not a signed JWT"),
    ]:
        answer = ask(gateway, token)
        assert (answer[0], code(answer)) == (401, "invalid-credential"), reason
        assert reason in answer[2]["error"]["message"]
    assert len(sim.requests()) == count
    known = {"provider": "default/corp", "result": "known"}
    assert gateway.metric("pinion_identity_results_total", **known) == 4
    admin = f"127.0.0.1:{gateway.admin}"
    listed = json.loads(run("get", "identity", "-o", "json", "--admin", admin)[1])
    assert (listed[0]["provider"], listed[0]["keys"]) == ("default/corp", 3)


def test_a_rotated_key_is_fetched_when_it_is_first_seen(start, simulate, issue):
    issuer = issue()
    gateway = start(*resources(simulate("tiny").port, tokens(issuer)))
    assert ask(gateway, issuer.token())[0] == 200
    before = issuer.fetches()
    issuer.keys = [Key("k2"), *issuer.keys]
    assert ask(gateway, issuer.token())[0] == 200
    assert issuer.fetches() == before + 1
    # Whoever makes up names of keys cannot make it ask again and again.
    unknown = Key("made-up")
    for _ in range(20):
        assert code(ask(gateway, issuer.token(unknown))) == "invalid-credential"
    assert issuer.fetches() <= before + 2
    assert ask(gateway, issuer.token(issuer.keys[1]))[0] == 200


def test_an_issuer_that_is_away_stops_nobody_it_told_of(start, simulate, issue):
    issuer = issue()
    gateway = start(*resources(simulate("tiny").port, tokens(issuer, refresh="10s")))
    assert ask(gateway, issuer.token())[0] == 200
    issuer.stop()
    try:
        assert ask(gateway, issuer.token(sub="bob"))[0] == 200
        assert ask(gateway, issuer.token(sub="carol"))[0] == 200
    finally:
        issuer.start()


def test_an_issuer_that_is_away_at_the_start_is_found_later(start, simulate, issue):
    issuer = issue()
    issuer.stop()
    try:
        gateway = start(*resources(simulate("tiny").port, tokens(issuer)))
        answer = ask(gateway, issuer.token())
        assert (answer[0], code(answer)) == (503, "identity-unavailable")
        assert answer[2]["error"]["retryable"] is True
        assert "cannot connect" in gateway.output()
    finally:
        issuer.start()
    wait_until(lambda: ask(gateway, issuer.token())[0] == 200, "the keys")


def test_keys_too_old_to_be_believed_are_not(start, simulate, issue):
    issuer = issue()
    jwt = {"refresh": "10s", "maxStale": "10s"}
    gateway = start(*resources(simulate("tiny").port, tokens(issuer, **jwt)))
    assert ask(gateway, issuer.token())[0] == 200
    issuer.stop()
    try:
        wait_until(lambda: ask(gateway, issuer.token())[0] == 503, "their end", 30, every=0.5)
    finally:
        issuer.start()
    wait_until(lambda: ask(gateway, issuer.token())[0] == 200, "new ones")


def test_requests_that_wait_for_keys_keep_their_bodies(start, simulate, issue):
    issuer = issue()
    issuer.answer = lambda _: time.sleep(0.3)
    sim = simulate("tiny")
    gateway = start(*resources(sim.port, tokens(issuer)))
    headers = {"authorization": f"Bearer {issuer.token()}", "content-type": "application/json"}
    content = "x" * 100_000
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": content}]})
    status, _, answer = gateway.request("POST", "/v1/chat/completions", body, headers)
    assert status == 200, answer[:200]


# What an issuer, or somebody in its place, may try


def unusable(gateway, issuer):
    """The token is refused as one that cannot be checked."""
    answer = ask(gateway, issuer.token())
    assert (answer[0], code(answer)) == (503, "identity-unavailable")
    return gateway.output()


def test_a_redirect_of_an_issuer_is_not_followed(start, simulate, issue):
    issuer, inside = issue(), issue()
    issuer.answer = lambda path: (302, {"location": f"{inside.url}{path}"}, b"")
    gateway = start(*resources(simulate("tiny").port, tokens(issuer)))
    assert "redirect" in unusable(gateway, issuer)
    assert inside.hits == []


def test_keys_on_another_origin_are_not_fetched(start, simulate, issue):
    issuer, inside = issue(), issue()
    document = json.dumps({"issuer": issuer.url, "jwks_uri": f"{inside.url}/keys"}).encode()
    issuer.answer = lambda path: (200, {}, document) if "well-known" in path else None
    gateway = start(*resources(simulate("tiny").port, tokens(issuer)))
    assert f"set jwksUri: {inside.url}/keys" in unusable(gateway, issuer)
    assert inside.hits == []


def test_a_document_about_another_issuer_is_not_believed(start, simulate, issue):
    issuer = issue()
    document = {"issuer": "https://other.test", "jwks_uri": f"{issuer.url}/keys"}
    issuer.answer = (
        lambda path: (200, {}, json.dumps(document).encode()) if "well-known" in path else None
    )
    gateway = start(*resources(simulate("tiny").port, tokens(issuer)))
    assert "another issuer" in unusable(gateway, issuer)
    assert issuer.fetches() == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, {}, b"x" * 10_000_000), "larger than"),
        ((200, {"content-encoding": "gzip"}, b"{}"), "compressed"),
        ((200, {}, b"{}"), "no list `keys`"),
        ((200, {}, b'{"keys":[],"keys":[]}'), "given more than once"),
        ((200, {}, b"<html>"), "no set of keys"),
        ((500, {}, b""), "status 500"),
    ],
)
def test_what_is_no_set_of_keys_is_none(start, simulate, issue, answer, reason):
    issuer = issue()
    issuer.answer = lambda _: answer
    gateway = start(*resources(simulate("tiny").port, tokens(issuer, jwksUri=f"{issuer.url}/k")))
    assert reason in unusable(gateway, issuer)


def test_an_issuer_that_never_answers_holds_nobody_for_ever(start, simulate, issue):
    issuer = issue()
    issuer.answer = lambda _: time.sleep(8)
    gateway = start(*resources(simulate("tiny").port, tokens(issuer)))
    begun = time.monotonic()
    answer = ask(gateway, issuer.token())
    assert (answer[0], code(answer)) == (503, "identity-unavailable")
    assert time.monotonic() - begun < 7


def test_a_token_cannot_say_where_its_key_is(start, simulate, issue):
    issuer, attacker = issue(), issue()
    gateway = start(*resources(simulate("tiny").port, tokens(issuer)))
    assert ask(gateway, issuer.token())[0] == 200
    for headers in [
        {"jku": f"{attacker.url}/keys"},
        {"x5u": f"{attacker.url}/keys"},
        {"jwk": attacker.keys[0].public},
        {"kid": f"{attacker.url}/keys"},
        {"kid": "../../../../dev/null"},
        {"kid": "k1' OR '1'='1"},
    ]:
        token = attacker.token(iss=issuer.url, headers=headers)
        assert code(ask(gateway, token)) == "invalid-credential", headers
    assert attacker.hits == []


# Where they are attached


def test_a_listener_may_ask_where_another_does_not(start, simulate, tmp_path):
    file = tmp_path / "keys.jsonl"
    text = run("key", "create", "--owner", "a", "--file", file)[1].strip()
    sim = simulate("tiny")
    inside = free_port()
    provider = identity_provider(
        "Gateway", "keys", "two", section="asks", apiKeys={"file": str(file)}
    )

    def made(gateway):
        listeners = [
            {"name": "asks", "port": gateway.port, "protocol": "HTTP"},
            {"name": "open", "port": inside, "protocol": "HTTP"},
        ]
        two = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "two"},
            "spec": {"gatewayClassName": "pinion", "listeners": listeners},
        }
        return "\n---\n".join(
            json.dumps(entry) for entry in [two, *resources(sim.port, provider)]
        )

    gateway = start(text=made)
    assert ask(gateway)[0] == 401
    assert ask(gateway, text)[0] == 200
    gateway.port = inside
    assert ask(gateway)[0] == 200


def test_a_model_of_its_own_asks_for_more(start, simulate, issue, tmp_path):
    issuer = issue()
    file = tmp_path / "keys.jsonl"
    text = run("key", "create", "--owner", "a", "--file", file)[1].strip()
    sim = simulate("tiny")
    gateway = start(
        *resources(
            sim.port,
            model("secret", target("servers", model="tiny")),
            tokens(issuer),
            identity_provider("Model", "of-model", "secret", apiKeys={"file": str(file)}),
        )
    )
    token = issuer.token()
    assert ask(gateway, token)[0] == 200
    headers = {"authorization": f"Bearer {token}"}
    assert gateway.chat("secret", headers, max_tokens=1)[0] == 401
    both = {"authorization": f"Bearer {token}", "x-api-key": text}
    assert gateway.chat("secret", both, max_tokens=1)[0] == 200


def test_a_rule_about_callers_whom_nobody_asks_is_a_mistake(tmp_path):
    import configuration

    rules = [("staff", "require", "jwt.claims.sub == 'alice'")]
    file = tmp_path / "mesh.yaml"
    entries = [
        configuration.gateway(8080),
        *resources(1, access_policy("Gateway", "mesh", *rules)),
    ]
    file.write_text(configuration.text(entries), encoding="utf-8")
    status, output, _ = run("check", file)
    assert status == 2
    assert "`jwt.claims` is not known on Gateway `mesh`: nobody asks who callers are" in output
