# SPDX-License-Identifier: Apache-2.0
"""Policy engines are asked, heard, waited for no longer than allowed, and remembered."""

import json
import threading
import time

import grpc
import pytest

from children import free_port, request, wait_until
from configuration import access_policy, ai_backend, model, resource, route, rule, target
from engines import OPA, GRPCAuthz, HTTPAuthz, asks, engine
from http2 import Http2
from pinion import run

REGO = """
package mesh
import rego.v1

default allow := false

allow if {
    input.request.method == "POST"
    input.request.headers["x-team"] == "search"
    input.ai.model == "chat"
}

decision := {"allow": true, "headers": {"x-user": "ann"}} if allow

decision := {
    "allow": false,
    "reason": sprintf("not for %s", [input.request.headers["x-team"]]),
    "http_status": 403,
} if not allow
"""


def chat(port, *others):
    """A model `chat` on the server at `port`, and `others`."""
    return [ai_backend("servers", port), model("chat", target("servers", model="tiny")), *others]


def policy(kind, name, *rules, **spec):
    """An AccessPolicy of rules as they are written."""
    made = access_policy(kind, name, **spec)
    made["spec"]["rules"] = list(rules)
    return made


def test_a_policy_in_rego_decides_by_what_the_body_asks_for(start, simulate, stand_up):
    sim = simulate("tiny")
    opa = stand_up(OPA(REGO))
    gateway = start(
        *chat(
            sim.port,
            *engine(
                "opa",
                "OPA",
                opa.port,
                path="/v1/data/mesh/decision",
                facts=["source", "request", "ai"],
                timeout="5s",
            ),
            policy("Model", "chat", asks("opa")),
        )
    )
    status, fields, body = gateway.chat("chat", {"x-team": "search"}, max_tokens=3)
    assert status == 200, body
    status, fields, body = gateway.chat("chat", {"x-team": "ads"}, max_tokens=3)
    error = json.loads(body)["error"]
    assert status == 403 and error["code"] == "access-denied"
    assert "policy engine default/opa denies this request: not for ads" in error["message"]
    # What the policy was told is what the facts are called.
    path, headers, told = opa.asked[0]
    assert path == "/v1/data/mesh/decision"
    assert told["ai"]["max_tokens"] == 3 and told["ai"]["operation"] == "chat"
    assert told["source"]["address"] == "127.0.0.1"
    assert told["request"]["path"] == "/v1/chat/completions"
    # One request went out, with what the policy set; the connection to the engine was kept.
    assert len(sim.requests()) == 1
    assert sim.requests()[0]["headers"].get("x-user") == "ann"
    assert opa.connections <= 2
    code, output, problem = run(
        "explain", fields["x-request-id"], "--admin", f"127.0.0.1:{gateway.admin}"
    )
    assert code == 0, problem
    assert "asks engine default/opa (OPA)" in output
    assert "engine default/opa does not let it pass: not for ads" in output


def test_an_undefined_document_lets_nothing_pass(start, serve, stand_up):
    upstream = serve()
    opa = stand_up(OPA("package mesh\n"))
    resources = plain(
        upstream,
        *engine(
            "opa",
            "OPA",
            opa.port,
            path="/v1/data/mesh/nothing",
            failureMode="allow",
            timeout="5s",
        ),
        name="opa",
    )
    gateway = start(*resources)
    assert gateway.request("GET", "/")[0] == 403
    assert upstream.requests == []


def plain(upstream, *engines, name="judge", rules=None, **spec):
    """A route for everything, which the engine `name` is asked about."""
    return [
        resource(
            "pinion.dev/v1alpha1",
            "Backend",
            "web",
            {"endpoints": [{"address": "127.0.0.1", "port": upstream.port}]},
        ),
        route("all", rule("web")),
        *engines,
        policy("HTTPRoute", "all", *(rules or [asks(name)]), **spec),
    ]


def test_ext_authz_over_http(start, serve, stand_up):
    upstream = serve()

    def verdict(handler):
        if handler.headers.get("authorization") == "Bearer good":
            fields = [
                ("X-User", "ann"),
                ("X-Not-Named", "1"),
                ("X-Envoy-Auth-Headers-To-Remove", "authorization"),
            ]
            return 200, fields, b"ok"
        fields = [("www-authenticate", "Bearer"), ("content-type", "text/plain")]
        return 401, fields, b"log in\n"

    judge = stand_up(HTTPAuthz(verdict))
    gateway = start(
        *plain(
            upstream,
            *engine(
                "judge",
                "ExtAuthzHTTP",
                judge.port,
                path="/authz",
                upstreamHeaders=["x-user"],
                timeout="5s",
            ),
        )
    )
    body = b"x" * 100_000
    good = {"authorization": "Bearer good", "x-private": "p"}
    status, _, _ = gateway.request("POST", "/a/../b?c=d", body, good)
    assert status == 200
    method, path, headers, sent = judge.asked[0]
    assert (method, path, sent) == ("POST", "/authz/b?c=d", b"")
    assert headers["authorization"] == "Bearer good" and "x-private" not in headers
    assert headers["x-forwarded-for"] == "127.0.0.1"
    seen = upstream.requests[0]
    assert seen.field("x-user") == "ann"
    assert seen.field("authorization") is None and seen.field("x-not-named") is None
    assert seen.body == body
    status, fields, body = gateway.request("GET", "/")
    assert status == 401 and fields["www-authenticate"] == "Bearer"
    assert json.loads(body)["code"] == "access-denied" and b"log in" in body
    assert len(upstream.requests) == 1


def allow(_request, answer, _context):
    """A yes of ext_authz over gRPC."""
    answer.status.code = 0
    answer.ok_response.SetInParent()


def test_ext_authz_over_grpc(start, serve, stand_up):
    upstream = serve()

    def verdict(request, answer, context):
        http = request.attributes.request.http
        if http.headers.get("x-team") == "search":
            allow(request, answer, context)
            option = answer.ok_response.headers.add()
            option.header.key, option.header.value = "x-user", "ann"
            answer.ok_response.headers_to_remove.append("x-team")
            option = answer.ok_response.response_headers_to_add.add()
            option.header.key, option.header.value = "x-policy", "v1"
        else:
            answer.status.code = 16
            answer.denied_response.status.code = 401
            answer.denied_response.body = '{"message":"who are you?"}'
            option = answer.denied_response.headers.add()
            option.header.key, option.header.value = "content-type", "application/json"
            option = answer.denied_response.headers.add()
            option.header.key, option.header.value = "www-authenticate", "Bearer"

    judge = stand_up(GRPCAuthz(verdict))
    gateway = start(
        *plain(
            upstream,
            *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s", facts=["request.size"]),
        )
    )
    status, fields, _ = gateway.request("PUT", "/x?y=z", b"123", {"x-team": "search"})
    assert status == 200 and fields["x-policy"] == "v1"
    attributes = judge.asked[0].attributes
    http = attributes.request.http
    assert (http.method, http.path, http.size) == ("PUT", "/x?y=z", 3)
    assert http.host == f"127.0.0.1:{gateway.port}" and http.scheme == "http"
    assert http.headers[":path"] == "/x?y=z" and http.protocol == "HTTP/1.1"
    assert http.id == fields["x-request-id"]
    assert attributes.source.address.socket_address.address == "127.0.0.1"
    assert attributes.destination.address.socket_address.port_value == gateway.port
    assert attributes.request.time.seconds > 1_700_000_000
    assert dict(attributes.context_extensions) == {"request.size": "3"}
    seen = upstream.requests[0]
    assert seen.field("x-user") == "ann" and seen.field("x-team") is None
    status, fields, body = gateway.request("GET", "/", headers={"x-team": "ads"})
    assert status == 401 and fields["www-authenticate"] == "Bearer"
    assert "who are you?" in json.loads(body)["detail"]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("protocol", ["ExtAuthzGRPC", "ExtAuthzHTTP", "OPA"])
@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_an_engine_that_is_slow_gone_or_broken(start, serve, stand_up, protocol, mode):
    upstream = serve()
    port = free_port()
    gateway = start(
        *plain(
            upstream,
            *engine(
                "judge",
                protocol,
                port,
                timeout="300ms",
                failureMode=mode,
                statusOnError=502,
                **({"path": "/v1/data/mesh/allow"} if protocol == "OPA" else {}),
            ),
        )
    )

    def expect(what):
        sent = len(upstream.requests)
        began = time.monotonic()
        status, _, body = gateway.request("GET", f"/{what}")
        took = time.monotonic() - began
        if mode == "allow":
            assert status == 200, (what, body)
        else:
            assert status == 502, (what, body)
            problem = json.loads(body)
            assert problem["code"] == "policy-engine-unavailable" and problem["retryable"]
        assert took < 5, what
        record = wait_until(
            lambda: [r for r in gateway.access_log() if r["path"] == f"/{what}"], "the record"
        )[0]
        assert record.get("access_unchecked", False) == (mode == "allow")
        assert len(upstream.requests) - sent == (1 if mode == "allow" else 0)
        return took

    # Nobody is there.
    expect("gone")
    judge = stand_up(broken(protocol, port))
    # After a failure a connection is tried again a little later.
    wait_until(lambda: gateway.request("GET", "/probe") and judge.asked, "a question")
    # It answers too late.
    judge.delay = 2
    assert expect("slow") >= 0.29
    judge.delay = 0
    # It says that it failed.
    expect("broken")
    for result in ["unreachable", "timeout", "failed"]:
        assert gateway.metric("pinion_policy_engine_answers_total", result=result) > 0, result


def broken(protocol, port):
    """An engine at `port` that fails."""
    if protocol == "ExtAuthzGRPC":

        def fail(_request, _answer, context):
            context.abort(grpc.StatusCode.INTERNAL, "no")

        return GRPCAuthz(fail, port)
    made = HTTPAuthz(lambda _handler: (500, [], b""), port)
    return made


def test_an_engine_that_comes_back_is_asked_again(start, serve, stand_up):
    upstream = serve()
    port = free_port()
    gateway = start(*plain(upstream, *engine("judge", "ExtAuthzGRPC", port, timeout="2s")))
    assert gateway.request("GET", "/")[0] == 503
    stand_up(GRPCAuthz(allow, port))
    wait_until(lambda: gateway.request("GET", "/")[0] == 200, "the engine is heard again")


def test_answers_are_kept_by_the_chosen_facts(start, serve, stand_up):
    upstream = serve()

    def verdict(request, answer, context):
        if request.attributes.request.http.headers.get("x-user") == "eve":
            answer.status.code = 7
        else:
            allow(request, answer, context)

    judge = stand_up(GRPCAuthz(verdict))
    cache = {"ttl": "1h", "key": ["request.headers['x-user']"]}
    gateway = start(
        *plain(upstream, *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s", cache=cache)),
        arguments=["--concurrency", "1"],
    )
    for user, status in [("ann", 200), ("ann", 200), ("eve", 403), ("eve", 403), ("ann", 200)]:
        assert gateway.request("GET", "/", headers={"x-user": user})[0] == status
    assert len(judge.asked) == 2
    assert gateway.request("GET", "/")[0] == 200
    assert gateway.request("GET", "/")[0] == 200
    assert len(judge.asked) == 4, "what has no value for the key is always asked about"
    assert gateway.metric("pinion_policy_engine_answers_total", result="cached") == 3
    # Answers that are kept need no engine.
    judge.end()
    assert gateway.request("GET", "/", headers={"x-user": "ann"})[0] == 200
    assert gateway.request("GET", "/", headers={"x-user": "bob"})[0] == 503


def test_rules_of_the_mesh_come_first_and_an_audit_only_watches(start, serve, stand_up):
    upstream = serve()

    def deny(_request, answer, _context):
        answer.status.code = 7

    judge = stand_up(GRPCAuthz(deny))
    blocked = {"name": "blocked", "action": "deny", "when": "request.path == '/blocked'"}
    gateway = start(
        *plain(
            upstream,
            *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s"),
            rules=[asks("judge", when="request.path != '/open'"), blocked],
        )
    )
    assert gateway.request("GET", "/blocked")[0] == 403
    assert gateway.request("GET", "/open")[0] == 200
    assert judge.asked == []
    assert gateway.request("GET", "/else")[0] == 403
    assert len(judge.asked) == 1
    gateway.write(
        plain(
            upstream,
            *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s"),
            mode="audit",
        )
    )
    wait_until(lambda: gateway.request("GET", "/else")[0] == 200, "the audit")
    audited = wait_until(
        lambda: [r for r in gateway.access_log() if r.get("access_audited")], "the record"
    )
    assert audited[0]["access_rule"] == "default/httproute-all/ask"


def test_a_caller_that_leaves_and_a_hundred_that_wait(start, serve, stand_up):
    upstream = serve()
    judge = stand_up(GRPCAuthz(allow))
    gateway = start(*plain(upstream, *engine("judge", "ExtAuthzGRPC", judge.port, timeout="20s")))
    judge.delay = 0.5
    statuses = []

    def ask(number):
        try:
            statuses.append(request(gateway.port, "GET", f"/{number}", timeout=15)[0])
        except OSError as error:
            statuses.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    with pytest.raises(OSError):
        request(gateway.port, "GET", "/impatient", timeout=0.2)
    for thread in threads:
        thread.join()
    assert statuses == [200] * 60, statuses
    judge.delay = 0
    assert gateway.request("GET", "/after")[0] == 200
    left = wait_until(
        lambda: [r for r in gateway.access_log() if r["path"] == "/impatient"], "the record"
    )
    assert left[0]["status"] == 499


def test_a_credential_and_listings(start, serve, stand_up, tmp_path):
    upstream = serve()
    judge = stand_up(GRPCAuthz(allow))
    opa = stand_up(OPA("package mesh\nallow := true\n"))
    token = tmp_path / "token"
    token.write_text("engine-secret\n", encoding="utf-8")
    resources = plain(
        upstream,
        *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s"),
        *engine("opa", "OPA", opa.port, path="/v1/data/mesh/allow", timeout="5s"),
        rules=[asks("judge"), asks("opa", rule="rego")],
    )
    for entry in resources:
        if entry["kind"] == "Backend" and entry["metadata"]["name"].endswith("-engine"):
            entry["spec"]["credential"] = {"file": str(token)}
    gateway = start(*resources)
    status, fields, _ = gateway.request("GET", "/")
    assert status == 200
    assert judge.metadata[0]["authorization"] == "Bearer engine-secret"
    assert opa.asked[0][1]["authorization"] == "Bearer engine-secret"
    assert upstream.requests[0].field("authorization") is None
    admin = ["--admin", f"127.0.0.1:{gateway.admin}"]
    for command in [
        ["get", "engines"], ["get", "access"], ["get", "snapshot"],
        ["explain", fields["x-request-id"]],
    ]:
        code, output, problem = run(*command, *admin)
        assert code == 0, problem
        assert "default/opa" in output and "engine-secret" not in output
    assert "engine-secret" not in gateway.output()


def test_a_request_of_http2_is_asked_about_as_what_it_is(start, serve, stand_up):
    upstream = serve()

    def verdict(message, answer, context):
        if message.attributes.request.http.path == "/no":
            answer.status.code = 7
            answer.denied_response.status.code = 402
            answer.denied_response.body = "no"
        else:
            allow(message, answer, context)

    judge = stand_up(GRPCAuthz(verdict))
    gateway = start(*plain(upstream, *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s")))
    with Http2(gateway.port) as client:
        # Several streams are asked about at once; a body waits for the answer.
        first = client.begin("POST", "/a", [("x-a", "1")], end=False)
        second = client.begin("GET", "/no")
        client.data(first, b"y" * 20_000, end=True)
        assert client.wait(first).status == 200
        assert client.wait(second).status == 402
    told = {question.attributes.request.http.path: question for question in judge.asked}
    assert set(told) == {"/a", "/no"}
    for question in told.values():
        http = question.attributes.request.http
        assert http.protocol == "HTTP/2" and http.host == "a.test"
        assert http.headers[":method"] == http.method
    assert told["/a"].attributes.request.http.headers["x-a"] == "1"
    assert [seen.target for seen in upstream.requests] == ["/a"]
    assert len(upstream.requests[0].body) == 20_000


@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_an_engine_outside_of_the_region_is_not_told(start, serve, stand_up, mode):
    upstream = serve()
    judge = stand_up(HTTPAuthz(lambda _handler: (200, [], b"")))
    opa = stand_up(OPA("package mesh\nallow := true\n"))
    resources = plain(
        upstream,
        *engine("judge", "ExtAuthzHTTP", judge.port, timeout="5s", failureMode=mode),
        *engine("opa", "OPA", opa.port, path="/v1/data/mesh/allow", timeout="5s"),
        rules=[asks("judge", when="request.path == '/judge'"), asks("opa", rule="rego")],
    )
    resources.append(
        resource(
            "pinion.dev/v1alpha1",
            "ResidencyPolicy",
            "phi",
            {
                "label": "phi",
                "sources": [{"header": "x-label"}],
                "allow": {"regions": ["eu-*"]},
            },
        )
    )

    def place(name, region):
        for entry in resources:
            if entry["metadata"]["name"] == name:
                entry["spec"]["labels"] = {"region": region}

    place("web", "eu-1")
    place("opa-engine", "eu-2")
    place("judge-engine", "us-1")
    gateway = start(*resources)
    phi = {"x-label": "phi"}
    assert gateway.request("GET", "/judge")[0] == 200
    assert (len(judge.asked), len(opa.asked)) == (1, 1)
    status, _, body = gateway.request("GET", "/judge", headers=phi)
    problem = json.loads(body)
    assert (status, problem["code"]) == (403, "residency-denied")
    assert "policy engine default/judge must be asked" in problem["detail"]
    assert "default/judge-engine (region us-1 is not allowed" in problem["detail"]
    assert len(judge.asked) == 1
    # The one in the region is told, and the receipt says where.
    assert gateway.request("GET", "/open", headers=phi)[0] == 200
    assert len(opa.asked) == 2 and len(upstream.requests) == 2
    receipt = wait_until(
        lambda: [r for r in gateway.access_log() if r["path"] == "/open"], "the record"
    )[0]["residency"]
    assert [(h["kind"], h["region"], h["sent"]) for h in receipt["hops"]] == [
        ("engine", "eu-2", True), ("first", "eu-1", True),
    ]
    code, output, _ = run("prove", "residency", "-f", gateway.folder)
    assert code == 1
    assert "question to PolicyEngine default/judge: backend default/judge-engine" in output
    assert "region us-1 is not allowed" in output
    place("judge-engine", "eu-1")
    gateway.write(resources)
    code, output, problem = run("prove", "residency", "-f", gateway.folder)
    assert code == 0, output + problem
