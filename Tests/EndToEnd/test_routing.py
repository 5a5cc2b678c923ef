# SPDX-License-Identifier: Apache-2.0
"""HTTPRoutes: what matches, where it goes, and what filters do to it."""

import json

import pytest

from children import wait_until
from configuration import backend, path, route, rule, to
from wire import reply


@pytest.fixture
def world(start, serve):
    """world(*routes, **upstreams): a gateway, and an upstream for each backend name."""

    def make(routes, names):
        upstreams = {name: serve(named(name)) for name in names}
        backends = [backend(name, upstream.port) for name, upstream in upstreams.items()]
        return start(*backends, *routes), upstreams

    return make


def named(name):
    """An upstream's answer: its name, and what it was asked."""

    def answer(message, _):
        seen = {"name": name, "target": message.target, "fields": message.fields}
        return reply(json.dumps(seen).encode(), x_backend=name, x_internal="secret")

    return answer


def where(gateway, target, method="GET", **headers):
    """The name of the upstream that answered, or the status when none did."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    status, fields, _ = gateway.request(method, target, headers=headers)
    return fields.get("x-backend", status)


def test_the_most_specific_match_wins(world):
    header = {"headers": [{"name": "x-tier", "value": "gold"}]}
    query = {"queryParams": [{"name": "beta", "value": "1"}]}
    rules = [
        rule("all", matches=[path("/")]),
        rule("prefix", matches=[path("/a")]),
        rule("longer", matches=[path("/a/b")]),
        rule("exact", matches=[path("/a/b", "Exact")]),
        rule("method", matches=[{**path("/a"), "method": "POST"}]),
        rule("header", matches=[{**path("/a"), **header}]),
        rule("query", matches=[{**path("/a"), **query}]),
        rule("regex", matches=[path("/v[0-9]+/.*", "RegularExpression")]),
    ]
    names = "all prefix longer exact method header query regex".split()
    gateway, _ = world([route("site", *rules)], names)
    assert where(gateway, "/") == "all"
    assert where(gateway, "/ab") == "all"
    assert where(gateway, "/a") == "prefix"
    assert where(gateway, "/a/x") == "prefix"
    assert where(gateway, "/a/b/c") == "longer"
    assert where(gateway, "/a/b") == "exact"
    assert where(gateway, "/a/x", "POST") == "method"
    assert where(gateway, "/a/x", x_tier="gold") == "header"
    assert where(gateway, "/a/x", x_tier="golden") == "prefix"
    assert where(gateway, "/a/x?beta=1") == "query"
    assert where(gateway, "/v12/x") == "regex"
    assert where(gateway, "/a/../a/b") == "exact"


def test_hosts_are_told_apart(world):
    routes = [
        route("one", rule("one"), hostnames=["one.example"]),
        route("any", rule("any"), hostnames=["*.example"]),
    ]
    gateway, _ = world(routes, ["one", "any"])
    assert where(gateway, "/", Host="one.example") == "one"
    assert where(gateway, "/", Host="ONE.example:80") == "one"
    assert where(gateway, "/", Host="two.example") == "any"
    assert where(gateway, "/", Host="elsewhere.test") == 404


def test_no_match_is_said_so(world):
    gateway, upstreams = world([route("site", rule("a", matches=[path("/a")]))], ["a"])
    status, fields, body = gateway.request("GET", "/b")
    assert status == 404
    assert fields["content-type"] == "application/problem+json"
    assert json.loads(body)["code"] == "no-route"
    assert upstreams["a"].requests == []


def test_weights_split(world):
    rules = [rule(to("often", weight=3), to("seldom", weight=1), to("never", weight=0))]
    gateway, upstreams = world([route("site", *rules)], ["often", "seldom", "never"])
    for _ in range(200):
        where(gateway, "/")
    # A quarter of 200 with five standard deviations to either side.
    assert 19 <= len(upstreams["seldom"].requests) <= 81
    assert upstreams["never"].requests == []


def test_header_filters_edit_both_ways(world):
    edit = {
        "set": [{"name": "x-set", "value": "new"}],
        "add": [{"name": "x-add", "value": "two"}],
        "remove": ["x-remove"],
    }
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": edit},
        {
            "type": "ResponseHeaderModifier",
            "responseHeaderModifier": {
                "remove": ["x-internal"],
                "set": [{"name": "x-mesh", "value": "pinion"}],
            },
        },
    ]
    gateway, upstreams = world([route("site", rule("a", filters=filters))], ["a"])
    sent = {"x-set": "old", "x-add": "one", "x-remove": "gone"}
    _, fields, _ = gateway.request("GET", "/", headers=sent)
    seen = upstreams["a"].requests[0].fields
    assert [value for name, value in seen if name.lower() == "x-set"] == ["new"]
    added = [value for name, value in seen if name.lower() == "x-add"]
    assert ",".join(added).replace(" ", "") == "one,two"
    assert not any(name.lower() == "x-remove" for name, _ in seen)
    assert fields["x-mesh"] == "pinion"
    assert "x-internal" not in fields


@pytest.mark.parametrize(
    ("redirect", "location", "status"),
    [
        ({"scheme": "https", "statusCode": 301}, "https://a.example/old/x?q=1", 301),
        # Without a scheme of its own, a redirect keeps the listener's port.
        ({"hostname": "b.example"}, "http://b.example:{port}/old/x?q=1", 302),
        (
            {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}},
            "/new/x?q=1",
            302,
        ),
        ({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}}, "/?q=1", 302),
    ],
)
def test_redirects_answer_without_an_upstream(world, redirect, location, status):
    filters = [{"type": "RequestRedirect", "requestRedirect": redirect}]
    gateway, _ = world([route("site", rule(matches=[path("/old")], filters=filters))], [])
    got, fields, _ = gateway.request("GET", "/old/x?q=1", headers={"Host": "a.example"})
    assert got == status
    assert fields["location"].endswith(location.format(port=gateway.port))


@pytest.mark.parametrize(
    ("hostname", "query", "kept"),
    [
        ("b.example", "api_key=secret-7&x=1", "?x=1"),
        ("b.example", "Key=secret-7", ""),
        ("a.example", "api_key=secret-7", "?api_key=secret-7"),
    ],
)
def test_a_redirect_to_another_host_leaves_credentials_behind(world, hostname, query, kept):
    redirect = {"hostname": hostname}
    filters = [{"type": "RequestRedirect", "requestRedirect": redirect}]
    gateway, _ = world([route("site", rule(matches=[path("/old")], filters=filters))], [])
    _, fields, _ = gateway.request("GET", f"/old/x?{query}", headers={"Host": "a.example"})
    assert fields["location"].endswith(f":{gateway.port}/old/x{kept}")


@pytest.mark.parametrize(
    ("rewrite", "target", "host"),
    [
        (
            {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}},
            "/new/x?q=1",
            "a.example",
        ),
        (
            {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
            "/x?q=1",
            "a.example",
        ),
        ({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/z"}}, "/z?q=1", "a.example"),
        ({"hostname": "inside.example"}, "/old/x?q=1", "inside.example"),
    ],
)
def test_rewrites_change_what_the_upstream_sees(world, rewrite, target, host):
    filters = [{"type": "URLRewrite", "urlRewrite": rewrite}]
    rules = [rule("a", matches=[path("/old")], filters=filters)]
    gateway, upstreams = world([route("site", *rules)], ["a"])
    gateway.request("GET", "/old/x?q=1", headers={"Host": "a.example"})
    seen = upstreams["a"].requests[0]
    assert (seen.target, seen.field("host")) == (target, host)


def test_a_mirror_sees_the_request_and_its_answer_is_not_heard(world):
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": to("copy")}}
    rules = [rule("main", filters=[mirror])]
    gateway, upstreams = world([route("site", *rules)], ["main", "copy"])
    status, fields, _ = gateway.request("POST", "/a?b=c", b"body")
    assert (status, fields["x-backend"]) == (200, "main")
    wait_until(lambda: upstreams["copy"].requests, "the mirrored request")
    copy = upstreams["copy"].requests[0]
    assert (copy.method, copy.target, copy.body) == ("POST", "/a?b=c", b"body")


def test_a_mirror_that_is_down_harms_nobody(start, serve):
    upstream = serve(named("main"))
    dead = serve()
    dead.end()
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": to("copy")}}
    gateway = start(
        backend("main", upstream.port),
        backend("copy", dead.port),
        route("site", rule("main", filters=[mirror])),
    )
    assert all(where(gateway, "/") == "main" for _ in range(5))


def test_a_request_timeout_of_a_route_is_kept(start, serve):
    def silent(_, connection):
        connection.recv(1)

    gateway = start(
        backend("silent", serve(silent).port),
        route("site", rule("silent", timeouts={"request": "200ms"})),
    )
    status, _, body = gateway.request("GET", "/")
    assert status == 504
    assert json.loads(body)["code"] in ("upstream-timeout", "first-byte-timeout")


def test_what_the_mesh_adds_tells_who_asked_and_which_trace(world):
    gateway, upstreams = world([route("site", rule("a"))], ["a"])
    trace = "0af7651916cd43dd8448eb211c80319c"
    _, fields, _ = gateway.request(
        "GET", "/", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    )
    seen = upstreams["a"].requests[0]
    assert seen.field("x-forwarded-for") == "127.0.0.1"
    assert seen.field("x-forwarded-proto") == "http"
    version, kept, span, flags = seen.field("traceparent").split("-")
    assert (version, kept, flags) == ("00", trace, "01")
    assert span != "b7ad6b7169203331"
    assert fields["x-request-id"] == seen.field("x-request-id")
