# SPDX-License-Identifier: Apache-2.0
"""Credentials: each goes where it belongs, and is printed nowhere."""

import json
import os
import re

import pytest

import configuration
from children import free_port, get_json, request, wait_until
from configuration import (
    ai_backend,
    backend,
    identity_provider,
    mesh,
    model,
    route,
    rule,
    secret,
    target,
)
from pinion import run
from wire import completion, reply

CANARIES = {
    "authorization": "Bearer canary-authorization",
    "x-api-key": "canary-x-api-key",
    "api-key": "canary-api-key",
    "x-goog-api-key": "canary-goog",
    "cookie": "session=canary-cookie",
    "proxy-authorization": "Basic canary-proxy",
}
QUERY = "?key=canary-query&api%5Fkey=canary-query&x=1&access_token=canary-query"


def spoken(message):
    """Everything of a request as text."""
    fields = "\n".join(f"{name}: {value}" for name, value in message.fields)
    return f"{message.start}\n{fields}\n{message.body.decode('latin-1')}"


def ask(gateway, path="/v1/chat/completions" + QUERY, name="chat"):
    """A chat request with every kind of credential."""
    headers = {"content-type": "application/json", **CANARIES}
    body = json.dumps({"model": name, "messages": [{"role": "user", "content": "hi"}]})
    return gateway.request("POST", path, body, headers)


def test_a_caller_s_credentials_reach_no_fallback(start, serve):
    broken = serve(lambda *_: reply(status="503 Service Unavailable"))
    second = serve(lambda *_: completion())
    gateway = start(
        ai_backend("one", broken.port),
        ai_backend("two", second.port, provider="other"),
        model("chat", target("one"), fallbacks=[target("two")]),
    )
    assert ask(gateway)[0] == 200
    assert "canary-authorization" in spoken(broken.requests[0])
    assert "canary-proxy" not in spoken(broken.requests[0])
    assert "canary" not in spoken(second.requests[0])
    assert second.requests[0].target.endswith("?x=1")


def test_a_caller_s_credentials_reach_no_mirror(start, serve):
    first, copy = serve(), serve()
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {
        "group": "pinion.dev", "kind": "Backend", "name": "copy"}}}
    gateway = start(
        backend("web", first.port),
        backend("copy", copy.port),
        route("web", rule("web", filters=[mirror])),
    )
    assert ask(gateway, "/anything" + QUERY)[0] == 200
    wait_until(lambda: copy.requests, "the copy")
    assert "canary-authorization" in spoken(first.requests[0])
    assert "canary" not in spoken(copy.requests[0])


def test_a_backend_with_a_credential_of_ours_is_shown_no_other(start, serve):
    upstream = serve(lambda *_: completion())
    gateway = start(
        ai_backend("one", upstream.port, credential={"env": "ONE_KEY"}),
        model("chat", target("one")),
        environment={"ONE_KEY": "ours"},
    )
    assert ask(gateway)[0] == 200
    assert upstream.requests[0].field("authorization") == "Bearer ours"
    assert "canary" not in spoken(upstream.requests[0])


def test_providers_that_share_a_model_are_shown_no_caller_s_credential(start, serve):
    one, two = serve(lambda *_: completion()), serve(lambda *_: completion())
    gateway = start(
        ai_backend("one", one.port, provider="first"),
        ai_backend("two", two.port, provider="second"),
        model("chat", target("one", weight=1), target("two", weight=1)),
    )
    for _ in range(20):
        assert ask(gateway)[0] == 200
    assert one.requests and two.requests
    assert not any("canary" in spoken(message) for message in one.requests + two.requests)


def test_an_upstream_s_redirect_is_not_followed(start, serve):
    elsewhere = serve()
    upstream = serve(
        lambda *_: reply(
            status="307 Temporary Redirect", location=f"http://127.0.0.1:{elsewhere.port}/take"
        )
    )
    gateway = start(
        ai_backend("one", upstream.port, credential={"env": "ONE_KEY"}),
        model("chat", target("one")),
        environment={"ONE_KEY": "ours"},
    )
    status, fields, _ = ask(gateway)
    # Nor is it shown to the caller, whose SDK would follow it with the caller's own credential.
    assert status == 502 and "location" not in fields
    assert elsewhere.requests == [] and elsewhere.connections == 0


def test_one_backend_s_credential_never_reaches_another(start, serve):
    broken = serve(lambda *_: reply(status="503 Service Unavailable"))
    second = serve(lambda *_: completion())
    gateway = start(
        ai_backend("one", broken.port, credential={"env": "ONE_KEY"}),
        ai_backend("two", second.port, credential={"env": "TWO_KEY", "header": "x-api-key"}),
        model("chat", target("one"), fallbacks=[target("two")]),
        environment={"ONE_KEY": "key-of-one", "TWO_KEY": "key-of-two"},
    )
    assert ask(gateway)[0] == 200
    assert "key-of-two" not in spoken(broken.requests[0])
    assert second.requests[0].field("x-api-key") == "key-of-two"
    assert "key-of-one" not in spoken(second.requests[0])


def test_a_credential_in_a_file_changes_with_it(start, serve, tmp_path):
    upstream = serve(lambda *_: completion())
    # As Kubernetes mounts it: a link to a link that is replaced in one step.
    folder = tmp_path / "mounted"
    folder.mkdir()

    def rotate(version, value):
        (folder / version).mkdir()
        (folder / version / "token").write_text(value)
        os.symlink(version, folder / "draft")
        os.replace(folder / "draft", folder / "..data")

    rotate("v1", "first-value\n")
    os.symlink("..data/token", folder / "token")
    gateway = start(
        ai_backend("one", upstream.port, credential={"file": str(folder / "token")}),
        model("chat", target("one")),
    )
    assert ask(gateway)[0] == 200
    assert upstream.requests[-1].field("authorization") == "Bearer first-value"
    rotate("v2", "second-value\n")

    def is_rotated():
        assert ask(gateway)[0] == 200
        return upstream.requests[-1].field("authorization") == "Bearer second-value"

    wait_until(is_rotated, "the new value", seconds=2)
    # No reload was needed: it is the same snapshot.
    listed = json.loads(
        run("get", "status", "-o", "json", "--admin", f"127.0.0.1:{gateway.admin}")[1]
    )
    assert listed[0]["snapshot"] == 1


def test_nothing_that_can_be_printed_holds_a_secret(start, serve, tmp_path):
    upstream = serve(lambda *_: completion())
    file = tmp_path / "credential"
    file.write_text("hunter2-in-a-file")
    keys = tmp_path / "keys.jsonl"
    key = run("key", "create", "--owner", "me", "--file", keys)[1].strip()
    recording = tmp_path / "recording.jsonl"
    filters = [
        {
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": {
                "set": [{"name": "x-auth-token", "value": "hunter2-in-a-filter"}]
            },
        }
    ]
    matches = [{"headers": [{"name": "x-secret", "value": "hunter2-in-a-match"}]}]
    gateway = start(
        mesh(drainTimeout="2s", recording={"file": str(recording)}),
        ai_backend("env", upstream.port, credential={"env": "SOME_KEY"}),
        ai_backend("file", upstream.port, credential={"file": str(file)}),
        ai_backend(
            "secret", upstream.port, credential={"secretRef": {"name": "all", "key": "token"}}
        ),
        backend("web", upstream.port),
        model("a", target("env")),
        model("b", target("file")),
        model("chat", target("secret")),
        route("web", rule("web", matches=matches, filters=filters)),
        secret("all", **{"token": "hunter2-in-a-secret", "tls.key": "hunter2-in-a-key"}),
        identity_provider("Model", "keys", "a", apiKeys={"file": str(keys)}),
        environment={"SOME_KEY": "hunter2-in-the-environment"},
    )
    headers = {**CANARIES, "authorization": f"Bearer {key}"}
    headers.pop("x-api-key")
    body = json.dumps({"model": "a", "messages": [{"role": "user", "content": "hunter2-said"}]})
    path = "/v1/chat/completions" + QUERY
    assert gateway.request("POST", path, body, headers)[0] == 200
    for name in ("b", "chat", "missing"):
        ask(gateway, name=name)
    wrong = {"authorization": "Bearer pinion_" + "a" * 65}
    assert gateway.request("POST", path, body, wrong)[0] == 401
    sent = {message.field("authorization") for message in upstream.requests}
    assert sent == {
        "Bearer hunter2-in-the-environment",
        "Bearer hunter2-in-a-file",
        "Bearer hunter2-in-a-secret",
    }

    admin = f"127.0.0.1:{gateway.admin}"
    printed = {}
    kinds = re.search(r"\(values: ([^)]*)\)", run("get", "--help")[1]).group(1)
    for kind in re.split(r",\s+", kinds):
        for output in ("text", "json", "yaml"):
            code, text, error = run("get", kind, "-o", output, "--admin", admin)
            assert code == 0, (kind, error)
            printed[f"get {kind} {output}"] = text
    for path in ("/", "/metrics", "/recordings", "/snapshot"):
        status, _, body = request(gateway.admin, "GET", path)
        assert status == 200
        printed[path] = body.decode()
    ids = [record["request_id"] for record in wait_until(
        lambda: len(gateway.access_log()) >= 5 and gateway.access_log(), "the records")]
    for number in ids:
        printed[f"explain {number}"] = run("explain", number, "--admin", admin)[1]
        printed[f"recording {number}"] = request(
            gateway.admin, "GET", f"/recordings/{number}")[2].decode()
    written = gateway.folder / "mesh.yaml"
    printed["check"] = "".join(map(str, run("check", written)))
    printed["plan"] = "".join(map(str, run("plan", "-f", written, "--admin", admin)))
    for output in ("text", "json"):
        printed[f"key list {output}"] = run("key", "list", "--file", keys, "-o", output)[1]
    for arguments in (("-f", written), ("-f", written, "-o", "json"), ("--admin", admin)):
        printed[f"prove {arguments[-1]}"] = "".join(
            map(str, run("prove", "residency", "--paths", *arguments)))
    log = tmp_path / "access.log"
    log.write_text("".join(json.dumps(record) + "\n" for record in gateway.access_log()))
    printed["report"] = "".join(map(str, run("report", "residency", log)))
    wait_until(lambda: recording.exists() and ids[-1] in recording.read_text(), "the recording")
    printed["recording"] = recording.read_text()
    printed["replay"] = "".join(map(str, run("replay", recording)))
    # A secret where none belongs, in a change that is refused.
    text = written.read_text()
    changed = re.sub(r'\{\s*"env": "SOME_KEY"\s*\}', '"hunter2-misplaced"', text)
    assert changed != text
    written.write_text(changed)
    printed["get status after it"] = wait_until(
        lambda: (found := run("get", "status", "-o", "json", "--admin", admin)[1])
        and "credential" in found and found, "the refusal")
    printed["log"] = gateway.output()
    hidden = ["hunter2-misplaced", "hunter2-in-a-key", "hunter2-in-a-file", key[20:]]
    hidden += ["hunter2-in-the-environment", "hunter2-in-a-secret"]
    hidden += ["canary", "hunter2-said", "a" * 40]
    # What stands in a filter or a match is in the configuration, which recordings copy.
    beside = ["hunter2-in-a-filter", "hunter2-in-a-match"]
    for where, text in printed.items():
        assert text, where
        for value in hidden + ([] if "record" in where else beside):
            assert value not in text, (where, value)


def test_a_missing_value_is_told_by_its_place(start, simulate, tmp_path):
    gateway = start(
        ai_backend("one", free_port(), credential={"file": str(tmp_path / "nowhere")}),
        model("chat", target("one")),
    )
    status, _, body = gateway.chat("chat", max_tokens=1)
    assert status == 500 and f"file {tmp_path}/nowhere" in json.loads(body)["error"]["message"]
    assert get_json(gateway.admin, "/snapshot")["backends"][0]["credential"]["file"]


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\nb", "a\x00b", ""])
def test_a_secret_that_would_be_more_than_a_value_is_none(tmp_path, value):
    reference = {"secretRef": {"name": "all", "key": "token"}}
    resources = [
        configuration.gateway(8080),
        ai_backend("one", 1, credential=reference),
        model("chat", target("one")),
        secret("all", token=value),
    ]
    file = tmp_path / "mesh.yaml"
    file.write_text(configuration.text(resources), encoding="utf-8")
    status, output, _ = run("check", file)
    assert status == 2 and "cannot be sent in a header" in output
    assert "injected" not in output


def test_a_line_end_behind_a_secret_is_no_part_of_it(start, serve):
    upstream = serve(lambda *_: completion())
    reference = {"secretRef": {"name": "all", "key": "token"}}
    gateway = start(
        ai_backend("one", upstream.port, credential=reference),
        model("chat", target("one")),
        secret("all", token="value\n"),
    )
    assert gateway.chat("chat", max_tokens=1)[0] == 200
    assert upstream.requests[0].field("authorization") == "Bearer value"
