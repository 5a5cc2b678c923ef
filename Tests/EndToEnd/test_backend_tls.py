# SPDX-License-Identifier: Apache-2.0
"""TLS towards Backends: whom endpoints must prove to be, what they are shown, rotation."""

import json
import ssl

import pytest

import secure
from authority import Authority, pem
from children import wait_until
from configuration import GATEWAY_API, backend, policy, resource, route, rule, secret
from http2 import H2Upstream
from http2 import echo as echo2
from secure import certificate, trust_domain
from wire import Upstream, echo

MODEL = "spiffe://example.org/ns/prod/sa/model"


class Secured(Upstream):
    """An upstream within TLS; what it was asked for and shown is noted."""

    def __init__(self, context):
        self.context = context
        self.names = []
        self.shown = []
        context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__(echo)

    def _serve(self, connection):
        try:
            made = self.context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        self.open.add(made)
        self.shown.append(made.getpeercert())
        super()._serve(made)
        self.open.discard(made)


def server_context(issued, folder, callers=None, protocols=None):
    """The context of a server that shows `issued` and asks for certificates of `callers`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, issued.write(folder, f"server-{issued.serial}")))
    if callers:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=pem(callers.certificate).decode())
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


@pytest.fixture
def authority():
    """The authority of endpoints."""
    return Authority()


@pytest.fixture
def secured(authority, tmp_path):
    """secured(issued, **options): an upstream within TLS that shows it."""
    upstreams = []

    def make(issued=None, **options):
        issued = issued or authority.issue("model.test")
        upstreams.append(Secured(server_context(issued, tmp_path, **options)))
        return upstreams[-1]

    yield make
    for upstream in upstreams:
        upstream.end()


def tls_policy(*authorities, names=(), hostname="model.test", name="tls", **validation):
    """A BackendTLSPolicy for the Backend `echo`."""
    found = {"hostname": hostname, **validation}
    if authorities:
        found["caCertificateRefs"] = list(authorities)
    if names:
        found["subjectAltNames"] = [
            {"type": "URI", "uri": each}
            if "://" in each
            else {"type": "Hostname", "hostname": each}
            for each in names
        ]
    target = {"group": "pinion.dev", "kind": "Backend", "name": "echo"}
    spec = {"targetRefs": [target], "validation": found}
    return resource(GATEWAY_API, "BackendTLSPolicy", name, spec)


def roots(authority):
    """The Secret with the certificate of an authority."""
    return secret("roots", **{"ca.crt": pem(authority.certificate).decode()})


ROOTS = {"group": "", "kind": "Secret", "name": "roots"}
PROD = {"group": "pinion.dev", "kind": "TrustDomain", "name": "prod"}


def mesh(upstream, *resources, **spec):
    """A mesh whose only Backend is `upstream`."""
    return [backend("echo", upstream.port, **spec), route("all", rule("echo")), *resources]


def test_an_endpoint_of_the_authority_for_the_host(start, secured, authority):
    upstream = secured()
    gateway = start(*mesh(upstream, tls_policy(ROOTS), roots(authority)))
    for _ in range(3):
        status, _, body = gateway.request("GET", "/x")
        assert status == 200
        assert json.loads(body)["target"] == "/x"
    assert upstream.names == ["model.test"] * upstream.connections, "each by its name"


def refused(gateway, words):
    """A request is refused, and the log says why."""
    status, _, body = gateway.request("GET", "/")
    assert status == 503
    assert json.loads(body)["code"] == "upstream-unreachable"
    wait_until(lambda: words in gateway.output(), words)


@pytest.mark.parametrize(
    ("issued", "names", "words"),
    [
        (lambda own, other: other.issue("model.test"), (), "leads to none of Secret/roots"),
        (lambda own, other: own.issue("other.test"), (), "is not for `model.test`"),
        (lambda own, other: own.issue("model.test", ends=-1), (), "out of date"),
        (lambda own, other: own.issue("model.test"), ["a.test"], "is for model.test, and for none"),
        (lambda own, other: own.issue(uris=[MODEL]), [MODEL + "x"], f"is for {MODEL}, and for"),
    ],
)
def test_others_are_refused(start, secured, authority, issued, names, words):
    upstream = secured(issued(authority, Authority("other")))
    gateway = start(*mesh(upstream, tls_policy(ROOTS, names=names), roots(authority)))
    refused(gateway, words)
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("hosts", "uris", "names"),
    [
        (["x.wild.test"], [], ["a.test", "x.wild.test"]),
        (["*.wild.test"], [], ["x.wild.test"]),
        ([], [MODEL], [MODEL]),
        (["a.test"], [MODEL], ["nobody.test", MODEL]),
    ],
)
def test_one_of_several_names(start, secured, authority, hosts, uris, names):
    upstream = secured(authority.issue(*hosts, uris=uris))
    gateway = start(*mesh(upstream, tls_policy(ROOTS, names=names), roots(authority)))
    assert gateway.request("GET", "/")[0] == 200
    assert upstream.names == ["model.test"]


def test_an_endpoint_of_a_trust_domain(start, secured, authority, tmp_path):
    bundle = authority.write(tmp_path / "bundle.pem")
    resources = [tls_policy(PROD, names=[MODEL]), trust_domain("prod", bundle)]
    upstream = secured(authority.workload("/ns/prod/sa/model"))
    gateway = start(*mesh(upstream, *resources))
    assert gateway.request("GET", "/")[0] == 200
    for issued, words in [
        (authority.workload("/ns/prod/sa/other"), "and for none of `subjectAltNames`"),
        (authority.issue(uris=[MODEL, MODEL + "2"]), "2 names of workloads"),
    ]:
        gateway = start(*mesh(secured(issued), *resources))
        refused(gateway, words)


def test_the_certificate_that_endpoints_are_shown(start, secured, authority, tmp_path):
    upstream = secured(callers=authority)
    own = authority.workload("/ns/prod/sa/gateway")
    paths = own.write(tmp_path, "own")
    reference = {"group": "pinion.dev", "kind": "Certificate", "name": "own"}
    resources = [tls_policy(ROOTS), roots(authority), certificate("own", paths)]
    gateway = start(*mesh(upstream, *resources, tls={"certificateRef": reference}))
    assert gateway.request("GET", "/")[0] == 200
    assert upstream.shown[0]["subjectAltName"] == (
        ("URI", "spiffe://example.org/ns/prod/sa/gateway"),
    )
    # A new one is shown on connections that are made after it came.
    second = authority.workload("/ns/prod/sa/renewed")
    second.write(tmp_path, "own")
    wait_until(lambda: "was read anew" in gateway.output(), "rotation")
    for connection in list(upstream.open):
        connection.close()

    def renewed():
        gateway.request("GET", "/")
        return any("renewed" in str(shown) for shown in upstream.shown)

    wait_until(renewed, "the new certificate")

    without = start(*mesh(secured(callers=authority), tls_policy(ROOTS), roots(authority)))
    status, _, _ = without.request("GET", "/")
    assert status in (502, 503)
    wait_until(lambda: "tls.certificateRef" in without.output(), "the log")


def test_http2_within(start, authority, tmp_path):
    context = server_context(authority.issue("model.test"), tmp_path, protocols=["h2"])
    upstream = H2Upstream(echo2, wrap=lambda plain: context.wrap_socket(plain, server_side=True))
    try:
        gateway = start(
            *mesh(upstream, tls_policy(ROOTS), roots(authority), appProtocol="http2")
        )
        assert gateway.request("GET", "/")[0] == 200
    finally:
        upstream.end()


def test_health_is_asked_within(start, secured, authority):
    upstream = secured()
    check = {"path": "/health", "interval": "1s", "timeout": "1s"}
    gateway = start(
        *mesh(upstream, tls_policy(ROOTS), roots(authority)),
        policy("Backend", "echo", healthCheck=check),
    )
    wait_until(lambda: any(m.target == "/health" for m in upstream.requests), "a probe")
    assert gateway.request("GET", "/")[0] == 200


def test_authorities_change(start, secured, authority, tmp_path):
    bundle = Authority("other").write(tmp_path / "roots.pem")
    upstream = secured()
    gateway = start(
        *mesh(upstream, tls={"caFile": str(bundle), "serverName": "model.test"})
    )
    refused(gateway, "leads to none of")
    authority.write(bundle)
    wait_until(lambda: gateway.request("GET", "/")[0] == 200, "the new authorities")


def test_both_sides(start, secured, authority, tmp_path):
    upstream = secured()
    paths = authority.issue("a.test").write(tmp_path, "own")
    gateway = start(
        text=lambda gateway: secure.text(
            secure.gateway(secure.listener(gateway.port)),
            certificate("web", paths),
            *mesh(upstream, tls_policy(ROOTS), roots(authority)),
        )
    )
    assert secure.get(gateway.port, authority.client())[0] == 200
