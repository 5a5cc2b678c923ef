# SPDX-License-Identifier: Apache-2.0
"""Callers that show certificates: who they are, what rules make of it, and who gets in."""

import json
import subprocess
import time

import pytest

import secure
from authority import Authority, usage
from children import HOST, wait_until
from configuration import access_policy, backend, identity_provider, limit_policy, route, rule
from engines import GRPCAuthz, asks, engine
from http2 import Http2
from pinion import run
from secure import certificate, connect, fails, get, listener, trust_domain

AGENT = "spiffe://example.org/ns/prod/sa/agent"


@pytest.fixture
def authority():
    """The authority of the trust domain and of the gateway's own certificate."""
    return Authority()


@pytest.fixture
def mesh(start, serve, authority, tmp_path):
    """mesh(*resources): a gateway that lets only workloads of example.org in."""

    def make(*resources, optional=False, arguments=()):
        upstream = serve()
        paths = authority.issue("a.test", "b.test").write(tmp_path)
        bundle = authority.write(tmp_path / "bundle.pem")

        def text(gateway):
            return secure.text(
                secure.gateway(listener(gateway.port), callers="prod", optional=optional),
                certificate("web", paths),
                trust_domain("prod", bundle),
                backend("echo", upstream.port),
                route("all", rule("echo")),
                *resources,
            )

        gateway = start(text=text, arguments=arguments)
        gateway.text = text
        gateway.upstream = upstream
        gateway.bundle = bundle
        return gateway

    return make


@pytest.fixture
def shows(authority, tmp_path):
    """shows(issued): the context of a client that shows it."""
    return lambda issued=None, **options: authority.client(
        issued or authority.workload(), tmp_path, **options
    )


def test_a_workload_is_known(mesh, shows, authority):
    gateway = mesh(
        access_policy(
            "Gateway", "mesh",
            ("who", "require", f"source.spiffe_id == '{AGENT}'"),
            ("where", "require", "source.namespace == 'prod'"),
        )
    )
    status, _, body = get(gateway.port, shows(), headers={"x-forwarded-client-cert": "Hash=1"})
    assert status == 200
    names = [name for name, _ in json.loads(body)["fields"]]
    assert "x-forwarded-client-cert" not in names
    wait_until(lambda: gateway.access_log(), "the log")
    assert gateway.access_log()[0]["spiffe_id"] == AGENT
    other = authority.workload("/ns/test/sa/other")
    status, _, body = get(gateway.port, shows(other))
    assert (status, json.loads(body)["code"]) == (403, "access-denied")
    context = shows(protocols=["h2"])
    with Http2(
        gateway.port, wrap=lambda plain: context.wrap_socket(plain, server_hostname="a.test")
    ) as client:
        assert client.request("GET", "/", scheme="https").status == 200


def test_an_engine_is_told_that_the_caller_came_by_tls(mesh, shows, stand_up):
    def allow(_request, answer, _context):
        answer.status.code = 0
        answer.ok_response.SetInParent()

    judge = stand_up(GRPCAuthz(allow))
    policy = access_policy("HTTPRoute", "all")
    policy["spec"]["rules"] = [asks("judge")]
    gateway = mesh(*engine("judge", "ExtAuthzGRPC", judge.port, timeout="5s"), policy)
    assert get(gateway.port, shows())[0] == 200
    told = judge.asked[0].attributes.request.http
    assert told.scheme == told.headers[":scheme"] == told.headers["x-forwarded-proto"] == "https"


def test_nobody_gets_in_without_a_certificate(mesh, shows, authority):
    gateway = mesh()
    assert fails(gateway.port, authority.client()) is not None
    wait_until(lambda: "the caller showed no certificate" in gateway.output(), "the log")
    assert "TrustDomain/prod" in gateway.output()
    assert gateway.upstream.requests == []
    assert fails(gateway.port, shows()) is None


def bad_certificates(authority):
    """Certificates that name nobody who may be believed, with a word of the reason."""
    intermediate = Authority("not in the bundle")
    return {
        "another authority": (intermediate.workload(), "does not hold"),
        "expired": (authority.workload(starts=-100, ends=-1), "does not hold"),
        "not yet": (authority.workload(starts=600, ends=1200), "does not hold"),
        "another trust domain": (authority.workload(domain="other.org"), "trust domain"),
        "no workload": (authority.issue("a.test"), "no name of a workload"),
        "no names": (authority.issue(common_name=AGENT), "no name of a workload"),
        "two workloads": (
            authority.issue(uris=[AGENT, "spiffe://example.org/ns/prod/sa/other"]), "2 names",
        ),
        "another URI": (authority.issue(uris=["https://example.org/a"]), "spiffe://"),
        "dots": (authority.issue(uris=["spiffe://example.org/ns/../agent"]), "dots"),
        "escape": (authority.issue(uris=["spiffe://example.org/ns%2fprod"]), "character"),
        "capitals": (authority.issue(uris=["spiffe://EXAMPLE.org/a"]), "lower-case"),
        "trust domain alone": (authority.issue(uris=["spiffe://example.org"]), "no workload"),
        "servers only": (
            authority.workload(extended=[secure_use("SERVER_AUTH")]), "does not hold",
        ),
        "signs certificates": (
            authority.workload(key_usage=usage(digital_signature=True, key_cert_sign=True)),
            "may sign",
        ),
        "no key usage": (authority.workload(key_usage=False), "key usage"),
        "authority": (
            authority.workload(
                is_authority=True, key_usage=usage(digital_signature=True, key_cert_sign=True)
            ),
            "authority",
        ),
    }


def secure_use(name):
    """An extended key usage by name."""
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return getattr(ExtendedKeyUsageOID, name)


def test_no_other_certificate_gets_in(mesh, shows, authority):
    for optional in (False, True):
        gateway = mesh(optional=optional)
        for name, (issued, word) in bad_certificates(authority).items():
            before = gateway.metric("pinion_tls_handshakes_total", result="certificate")
            assert fails(gateway.port, shows(issued)) is not None, name
            wait_until(
                lambda: gateway.metric("pinion_tls_handshakes_total", result="certificate")
                == before + 1,
                name,
            )
            if not optional and word in ("trust domain", "does not hold"):
                continue
        assert gateway.upstream.requests == []
        assert fails(gateway.port, shows()) is None


def test_the_reason_is_told(mesh, shows, authority):
    gateway = mesh()
    issued, word = bad_certificates(authority)["two workloads"]
    assert fails(gateway.port, shows(issued)) is not None
    wait_until(lambda: word in gateway.output(), "the log")
    assert "issue it one with a single SPIFFE ID of `example.org`" in gateway.output()


def test_certificates_that_are_optional(mesh, shows, authority):
    gateway = mesh(
        access_policy(
            "Gateway", "mesh",
            ("who", "allow", "has(source.spiffe_id) && source.namespace == 'prod'"),
            ("open", "allow", "request.path == '/open'"),
        ),
        optional=True,
    )
    nobody = authority.client()
    assert get(gateway.port, nobody, path="/open")[0] == 200
    assert get(gateway.port, nobody, path="/closed")[0] == 403
    assert get(gateway.port, shows(), path="/closed")[0] == 200


def test_chains(mesh, shows, authority):
    gateway = mesh()
    above = authority
    for depth in range(4):
        above = Authority(f"intermediate {depth}", parent=above)
        assert fails(gateway.port, shows(above.workload())) is None, depth
    for depth in range(60):
        above = Authority(f"intermediate with a long name {depth}", parent=above)
    issued = above.workload()
    assert sum(len(part) for part in issued.chain_pem.split()) * 3 // 4 > 20_000
    assert fails(gateway.port, shows(issued)) is not None
    wait_until(lambda: "larger than 16 KiB" in gateway.output(), "the log")


def s_client(gateway, root, *options):
    """openssl s_client that sends one request: what it printed."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{HOST}:{gateway.port}", "-servername", "a.test"]
        + ["-CAfile", str(root), "-ign_eof", *map(str, options)],
        input="GET /x HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n",
        capture_output=True, text=True, timeout=20, check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["-tls1_3", "-tls1_2"])
def test_no_session_goes_on_without_a_certificate(
    start, serve, authority, tmp_path, version
):
    upstream = serve()
    paths = authority.issue("a.test").write(tmp_path)
    bundle = authority.write(tmp_path / "bundle.pem")

    def text(gateway, callers="prod"):
        return secure.text(
            secure.gateway(listener(gateway.port, minimum="1.2"), callers=callers),
            certificate("web", paths),
            *([trust_domain("prod", bundle)] if callers else []),
            backend("echo", upstream.port),
            route("all", rule("echo")),
        )

    gateway = start(text=text)
    shown = authority.workload().write(tmp_path, "shown")
    proof = ["-cert", shown[0], "-key", shown[1]]
    session = tmp_path / "session.pem"
    printed = s_client(gateway, bundle, version, *proof, "-sess_out", session)
    assert "HTTP/1.1 200" in printed
    assert session.exists(), "the server hands out sessions"
    printed = s_client(gateway, bundle, version, "-sess_in", session)
    assert "HTTP/1.1 200" not in printed, "a session stands for no certificate"
    assert "Reused" not in printed
    printed = s_client(gateway, bundle, version, *proof, "-sess_in", session)
    assert "HTTP/1.1 200" in printed
    assert "New," in printed
    assert len(upstream.requests) == 2

    # Where nobody is known, sessions are as good as handshakes.
    gateway.write_text(text(gateway, callers=None))
    wait_until(lambda: fails(gateway.port, authority.client()) is None, "the change")
    s_client(gateway, bundle, version, "-sess_out", session)
    printed = s_client(gateway, bundle, version, "-sess_in", session)
    assert "HTTP/1.1 200" in printed
    assert "Reused" in printed


def test_an_authority_that_is_taken_out_opens_nothing(mesh, shows, authority):
    gateway = mesh()
    context = shows()
    assert fails(gateway.port, context) is None
    second = Authority("second")
    second.write(gateway.bundle)
    wait_until(lambda: fails(gateway.port, context) is not None, "the new bundle")
    gateway.bundle.write_bytes(
        authority_pem(second) + authority_pem(authority)
    )
    wait_until(lambda: fails(gateway.port, context) is None, "both")


def authority_pem(authority):
    """The certificate of an authority in PEM."""
    from authority import pem

    return pem(authority.certificate)


def test_a_connection_ends_with_the_certificate(mesh, shows, authority):
    gateway = mesh()
    brief = shows(authority.workload(ends=11))
    held = secure.Client(gateway.port, brief)
    status, fields, _ = held.get()
    assert status == 200
    wait_until(
        lambda: held.get()[1].get("connection") == "close", "the end", seconds=10, every=0.2
    )
    held.close()
    context = shows(authority.workload(ends=11), protocols=["h2"])
    with Http2(
        gateway.port, wrap=lambda plain: context.wrap_socket(plain, server_hostname="a.test")
    ) as client:
        assert client.request("GET", "/", scheme="https").status == 200
        deadline = time.monotonic() + 8
        while client.goaway is None and time.monotonic() < deadline:
            client.step()
        assert client.goaway == 0


def test_what_callers_must_show_changes(start, serve, authority, tmp_path):
    upstream = serve()
    paths = authority.issue("a.test").write(tmp_path)
    bundle = authority.write(tmp_path / "bundle.pem")

    def text(gateway, callers=None):
        return secure.text(
            secure.gateway(listener(gateway.port), callers=callers),
            certificate("web", paths),
            trust_domain("prod", bundle),
            backend("echo", upstream.port),
            route("all", rule("echo")),
        )

    gateway = start(text=text)
    held = secure.Client(gateway.port, authority.client())
    assert held.get()[0] == 200
    gateway.write_text(text(gateway, callers="prod"))
    wait_until(lambda: held.get()[0] == 421, "the change")
    held.close()
    assert fails(gateway.port, authority.client()) is not None


def test_a_certificate_is_an_identity(mesh, shows, authority):
    gateway = mesh(
        identity_provider("Gateway", "workloads", "mesh", clientCertificate={}),
        limit_policy(
            "HTTPRoute", "all",
            {"name": "few", "requests": 2, "per": "1h", "burst": 2, "key": "identity"},
        ),
        access_policy(
            "Gateway", "mesh", ("who", "require", "source.identity.startsWith('spiffe://')")
        ),
        # Each event loop has its share of what a limit allows at once.
        arguments=["--concurrency", "1"],
    )
    first, second = shows(), shows(authority.workload("/ns/prod/sa/other"))
    assert [get(gateway.port, first)[0] for _ in range(3)] == [200, 200, 429]
    assert get(gateway.port, second)[0] == 200
    wait_until(lambda: len(gateway.access_log()) == 4, "the log")
    record = gateway.access_log()[0]
    assert record["identity"] == record["spiffe_id"] == AGENT
    assert record["identity_provider"] == "default/workloads"
    assert (
        gateway.metric(
            "pinion_identity_results_total", provider="default/workloads", result="known"
        )
        == 4
    )


def test_a_rule_about_nobody_is_a_mistake(tmp_path, authority):
    paths = authority.issue("a.test").write(tmp_path)
    file = tmp_path / "mesh.yaml"
    file.write_text(
        secure.text(
            secure.gateway(listener(8443)),
            certificate("web", paths),
            backend("echo", 9),
            route("all", rule("echo")),
            access_policy("Gateway", "mesh", ("who", "deny", "source.namespace == 'x'")),
        ),
        encoding="utf-8",
    )
    status, output, errors = run("check", "-f", file)
    assert status != 0
    assert "`source.namespace` is not known on Gateway `mesh`" in output + errors


def test_only_the_handshake_of_the_port_counts(mesh, shows):
    """Bytes of the first request may come with the last ones of the handshake."""
    gateway = mesh()
    with connect(gateway.port, shows()) as made:
        body = b"x" * 200_000
        made.sendall(
            b"POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        assert made.recv(12) == b"HTTP/1.1 200"
