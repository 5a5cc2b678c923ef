# SPDX-License-Identifier: Apache-2.0
"""Other proxies ask the mesh: a real Envoy, a real nginx, a client of gRPC, another Pinion."""

import json

import grpc
import pytest
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc

from children import HOST, free_port, request, wait_until
from configuration import GATEWAY_API, PINION, backend, resource, route, rule
from conftest import end_all
from engines import GRPCAuthz, asks, engine
from neighbours import Envoy, Nginx
from test_policy_engines import allow, policy

SPEECH = {
    "gRPC": "pinion.dev/ext-authz-grpc",
    "HTTP": "pinion.dev/ext-authz-http",
    "nginx": "pinion.dev/auth-request",
}

RULES = [
    {"name": "blocked", "action": "deny", "when": "request.path.startsWith('/private')"},
    {
        "name": "teams",
        "action": "allow",
        "when": "'x-team' in request.headers && request.headers['x-team'] == 'search'",
    },
]


def asked_gateway(port, speech):
    """A Gateway on which others ask, called `asked`."""
    listener = {"name": "questions", "port": port, "protocol": SPEECH[speech]}
    spec = {"gatewayClassName": "pinion", "listeners": [listener]}
    return resource(GATEWAY_API, "Gateway", "asked", spec)


def judging(port, speech, *others, rules=None):
    """What a mesh needs that is only asked."""
    return [
        asked_gateway(port, speech),
        policy("Gateway", "asked", *(rules or RULES)),
        *others,
    ]


@pytest.fixture
def neighbour(tmp_path):
    """neighbour(speech, upstream, asked): a running proxy of somebody else."""
    children = []

    def make(speech, upstream, asked, **options):
        folder = tmp_path / f"neighbour-{len(children)}"
        if speech == "nginx":
            children.append(Nginx(folder, upstream, asked))
        else:
            children.append(Envoy(folder, upstream, asked, speech, **options))
        return children[-1]

    yield make
    end_all(children)


SEARCH = {"x-team": "search"}
OPTIONS = {"gRPC": {}, "HTTP": {"headers": ["x-team", "x-label"]}, "nginx": {}}


@pytest.mark.parametrize("speech", SPEECH)
def test_a_neighbour_lets_pass_what_the_policy_lets_pass(start, serve, neighbour, speech):
    upstream = serve()
    port = free_port()
    mesh = start(*judging(port, speech))
    proxy = neighbour(speech, upstream.port, port, **OPTIONS[speech])

    # Allowed: it reaches the server, body and all.
    status, _, _ = request(proxy.port, "POST", "/a?b=c", b"x" * 3000, SEARCH)
    assert status == 200
    assert (upstream.requests[0].target, len(upstream.requests[0].body)) == ("/a?b=c", 3000)

    # Denied, by a rule and by the default; another spelling of the path is no way around it.
    for path, headers in [
        ("/private/x", SEARCH), ("/a/..//private/x", SEARCH), ("/%70rivate", SEARCH),
        ("/a", {"x-team": "ads"}), ("/a", {}),
    ]:
        status, fields, body = request(proxy.port, "GET", path, headers=headers)
        assert status == 403, (path, headers)
        if speech != "nginx":
            # nginx shows a page of its own and drops what it was told.
            problem = json.loads(body)
            assert problem["code"] == "access-denied"
            assert "AccessPolicy default/gateway-asked" in problem["detail"]
            assert fields["content-type"] == "application/problem+json"
    assert len(upstream.requests) == 1
    records = wait_until(
        lambda: (lambda found: found if len(found) >= 6 else None)(mesh.access_log()),
        "the records",
    )
    assert [record["status"] for record in records] == [200] + [403] * 5
    assert records[0]["client"] == HOST and records[0]["method"] == "POST"
    assert {record.get("access_rule") for record in records[1:]} == {
        "default/gateway-asked/blocked", "default/gateway-asked/default",
    }


@pytest.mark.parametrize("speech", SPEECH)
def test_what_no_route_takes_is_refused(start, serve, neighbour, speech):
    upstream = serve()
    port = free_port()
    start(
        *judging(port, speech, rules=[{"name": "all", "action": "allow", "when": "true"}]),
        backend("web", upstream.port),
        route(
            "known",
            rule("web", matches=[{"path": {"type": "PathPrefix", "value": "/known"}}]),
            parentRefs=[{"name": "asked"}],
        ),
    )
    proxy = neighbour(speech, upstream.port, port, **OPTIONS[speech])
    assert request(proxy.port, "GET", "/known/a")[0] == 200
    # nginx knows two answers that mean no.
    assert request(proxy.port, "GET", "/unknown")[0] == (403 if speech == "nginx" else 404)
    assert [seen.target for seen in upstream.requests] == ["/known/a"]


@pytest.mark.parametrize("speech", SPEECH)
def test_without_the_mesh_a_neighbour_lets_nothing_pass(start, serve, neighbour, speech):
    upstream = serve()
    port = free_port()
    mesh = start(*judging(port, speech))
    proxy = neighbour(speech, upstream.port, port, **OPTIONS[speech])
    assert request(proxy.port, "GET", "/a", headers=SEARCH)[0] == 200
    mesh.end()
    assert request(proxy.port, "GET", "/a", headers=SEARCH)[0] == (
        500 if speech == "nginx" else 503
    )
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("speech", SPEECH)
def test_an_engine_behind_the_mesh_is_asked_on_behalf_of_a_neighbour(
    start, serve, stand_up, neighbour, speech
):
    upstream = serve()
    port = free_port()

    def verdict(message, answer, context):
        if message.attributes.request.http.path == "/ann":
            allow(message, answer, context)
            option = answer.ok_response.headers.add()
            option.header.key, option.header.value = "x-user", "ann"
        else:
            answer.status.code = 16
            answer.denied_response.status.code = 401
            answer.denied_response.body = "who are you?"
            option = answer.denied_response.headers.add()
            option.header.key, option.header.value = "www-authenticate", "Bearer"

    judge = stand_up(GRPCAuthz(verdict))
    start(
        *judging(
            port,
            speech,
            *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s"),
            rules=[asks("judge")],
        )
    )
    proxy = neighbour(speech, upstream.port, port, **OPTIONS[speech])
    assert request(proxy.port, "GET", "/ann", headers={"x-user": "eve"})[0] == 200
    assert upstream.requests[0].field("x-user") == "ann"
    status, fields, body = request(proxy.port, "GET", "/bob")
    assert (status, fields["www-authenticate"]) == (401, "Bearer")
    if speech != "nginx":
        assert "who are you?" in json.loads(body)["detail"]
    judge.end()
    assert request(proxy.port, "GET", "/ann")[0] == (403 if speech == "nginx" else 503)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("speech", ["gRPC", "HTTP"])
def test_envoy_sends_bodies_along_and_what_is_missing_is_refused(
    start, serve, neighbour, speech
):
    upstream = serve()
    port = free_port()
    small = {"name": "small", "action": "require", "when": "ai.model == 'small'"}
    start(*judging(port, speech, rules=[small]))
    proxy = neighbour(
        speech, upstream.port, port, body=True,
        **{**OPTIONS[speech], **({"headers": ["content-type"]} if speech == "HTTP" else {})},
    )

    def chat(name, padding=0):
        body = json.dumps({"model": name, "padding": "x" * padding})
        fields = {"content-type": "application/json"}
        return request(proxy.port, "POST", "/v1/chat/completions", body, fields)

    assert chat("small")[0] == 200
    status, _, body = chat("large")
    assert status == 403 and b"default/gateway-asked" in body
    # A body that Envoy does not send whole cannot be judged.
    status, _, body = chat("small", padding=5000)
    assert status >= 400 and b"body-not-sent" in body, (status, body)
    assert len(upstream.requests) == 1


def test_a_label_keeps_a_question_of_a_neighbour_within_the_region(
    start, serve, stand_up, neighbour
):
    upstream = serve()
    port = free_port()
    judge = stand_up(GRPCAuthz(allow))
    phi = resource(
        PINION,
        "ResidencyPolicy",
        "phi",
        {
            "label": "phi",
            "sources": [{"header": "x-label"}],
            "allow": {"regions": ["eu-*"]},
        },
    )
    resources = judging(
        port,
        "gRPC",
        *engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s", failureMode="allow"),
        phi,
        rules=[asks("judge")],
    )
    start(*resources)
    proxy = neighbour("gRPC", upstream.port, port)
    assert request(proxy.port, "GET", "/open")[0] == 200
    status, _, body = request(proxy.port, "GET", "/secret", headers={"x-label": "phi"})
    assert (status, json.loads(body)["code"]) == (403, "residency-denied")
    assert [q.attributes.request.http.path for q in judge.asked] == ["/open"]
    assert [seen.target for seen in upstream.requests] == ["/open"]


class Question:
    """A client of the service with Google's own library."""

    def __init__(self, port, retries=False):
        again = {
            "maxAttempts": 3,
            "initialBackoff": "0.01s",
            "maxBackoff": "0.1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": again}]} if retries else {}
        self.channel = grpc.insecure_channel(
            f"{HOST}:{port}", options=[("grpc.service_config", json.dumps(config))]
        )
        self.stub = external_auth_pb2_grpc.AuthorizationStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def ask(self, method="GET", path="/", headers=None, body="", source="192.0.2.9", **http):
        """The answer to one question."""
        message = external_auth_pb2.CheckRequest()
        message.attributes.source.address.socket_address.address = source
        told = message.attributes.request.http
        told.method, told.path, told.host, told.body = method, path, "a.test", body
        told.size = len(body)
        for name, value in (headers or {}).items():
            told.headers[name] = value
        for name, value in http.items():
            setattr(told, name, value)
        return self.stub.Check(message, timeout=5)


def test_a_client_of_the_service_is_told_what_a_caller_would_be(start):
    port = free_port()
    rules = [
        {"name": "source", "action": "require", "when": "source.address == '192.0.2.9'"},
        *RULES,
    ]
    start(*judging(port, "gRPC", rules=rules))
    with Question(port) as client:
        yes = client.ask(headers=SEARCH)
        assert yes.status.code == 0 and yes.WhichOneof("http_response") != "denied_response"
        no = client.ask(path="/private", headers=SEARCH)
        assert no.status.code == 7 and no.denied_response.status.code == 403
        fields = {f.header.key: f.header.value for f in no.denied_response.headers}
        assert fields["content-type"] == "application/problem+json"
        assert fields["x-request-id"]
        assert json.loads(no.denied_response.body)["code"] == "access-denied"
        assert client.ask(headers=SEARCH, source="192.0.2.10").status.code == 7
        # What an intermediary must not forward gets no yes.
        for broken in [{"path": "no-slash"}, {"path": "/a b"}, {"method": "G T"}]:
            assert client.ask(headers=SEARCH, **broken).denied_response.status.code == 400
        with pytest.raises(grpc.RpcError) as nothing:
            client.ask(method="")
        assert nothing.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("speech", ["gRPC", "HTTP"])
def test_one_pinion_asks_another(start, serve, speech):
    upstream = serve()
    port = free_port()
    start(*judging(port, speech))
    protocol = "ExtAuthzGRPC" if speech == "gRPC" else "ExtAuthzHTTP"
    edge = start(
        backend("web", upstream.port),
        route("all", rule("web")),
        *engine("other", protocol, port, timeout="5s", headers=["x-team"]),
        policy("HTTPRoute", "all", asks("other")),
    )
    assert edge.request("GET", "/a", headers=SEARCH)[0] == 200
    status, _, body = edge.request("GET", "/private", headers=SEARCH)
    assert status == 403
    problem = json.loads(body)
    assert problem["code"] == "access-denied"
    assert "policy engine default/other denies this request" in problem["detail"]
    assert "default/gateway-asked" in problem["detail"]
    assert [seen.target for seen in upstream.requests] == ["/a"]
