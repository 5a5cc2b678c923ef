# SPDX-License-Identifier: Apache-2.0
"""Bounds that an operator sets, and names that are resolved."""

import json

from configuration import PINION, ai_backend, backend, mesh, model, resource, route, rule, target
from wire import Wire


def test_more_connections_than_allowed_are_refused(start, serve):
    gateway = start(
        backend("echo", serve().port),
        route("all", rule("echo")),
        mesh(limits={"connections": 3}, drainTimeout="1s"),
    )
    held = [Wire(gateway.port) for _ in range(3)]
    try:
        for client in held:
            client.send("GET / HTTP/1.1\nHost: a\n\n")
            assert client.answer().status == 200
        with Wire(gateway.port) as late:
            refused = late.answer()
            assert refused.status == 503
            assert json.loads(refused.body)["code"] == "too-many-connections"
    finally:
        for client in held:
            client.close()


def test_the_size_and_number_of_fields_are_set_by_the_operator(start, serve):
    upstream = serve()
    gateway = start(
        backend("echo", upstream.port),
        route("all", rule("echo")),
        mesh(limits={"headBytes": "2Ki", "fieldCount": 10}, drainTimeout="1s"),
    )
    large = {"x-large": "y" * 3000}
    assert gateway.request("GET", "/", headers=large)[0] == 431
    many = {f"x-{number}": "y" for number in range(12)}
    assert gateway.request("GET", "/", headers=many)[0] == 431
    assert gateway.request("GET", "/", headers={"x-one": "y"})[0] == 200
    assert len(upstream.requests) == 1


def test_a_body_that_must_be_read_is_bounded(start, simulate):
    sim = simulate("tiny")
    gateway = start(
        ai_backend("servers", sim.port),
        model("chat", target("servers", model="tiny")),
        mesh(limits={"bufferedBodyBytes": "4Ki"}, drainTimeout="1s"),
    )
    status, _, body = gateway.chat("chat", user="x" * 5000)
    assert status == 413
    assert json.loads(body)["error"]["code"] == "body-too-large"
    assert gateway.chat("chat", user="x" * 100)[0] == 200
    assert len(sim.requests()) == 1


def test_a_name_is_resolved_before_the_first_request(start, serve):
    upstream = serve()
    name = {"dns": {"hostname": "localhost", "port": upstream.port, "refresh": "1s"}}
    gateway = start(resource(PINION, "Backend", "named", name), route("all", rule("named")))
    # Where the name has an IPv6 address too, a retry finds the one that listens.
    assert gateway.request("GET", "/")[0] == 200
    assert any(
        labels.get("backend") == "default/named" and labels.get("state") == "healthy"
        for metric, labels, count in gateway.metrics()
        if metric == "pinion_endpoints" and count >= 1
    )


def test_a_name_that_does_not_resolve_refuses_and_harms_nothing_else(start, serve):
    upstream = serve()
    name = {"dns": {"hostname": "no-such-host.invalid", "port": 80}}
    gateway = start(
        resource(PINION, "Backend", "lost", name),
        backend("echo", upstream.port),
        route("lost", rule("lost"), hostnames=["lost.test"]),
        route("here", rule("echo"), hostnames=["here.test"]),
    )
    status, _, body = gateway.request("GET", "/", headers={"Host": "lost.test"})
    assert (status, json.loads(body)["code"]) == (503, "upstream-unreachable")
    assert gateway.request("GET", "/", headers={"Host": "here.test"})[0] == 200
