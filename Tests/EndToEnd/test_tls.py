# SPDX-License-Identifier: Apache-2.0
"""TLS towards callers: which certificate, which version, what a failure says, rotation."""

import json
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

import secure
from authority import Authority, replace
from children import HOST, wait_until
from configuration import backend, route, rule
from http2 import Http2
from pinion import run
from secure import certificate, connect, fails, get, listener, serial_shown


@pytest.fixture
def authority():
    """An authority that clients trust."""
    return Authority()


@pytest.fixture
def secured(start, serve, authority, tmp_path):
    """secured(**options): a gateway with one HTTPS listener for every host."""

    def make(issued=None, resources=(), **options):
        upstream = serve()
        issued = issued or authority.issue("a.test", "b.test", "*.wild.test")
        paths = issued.write(tmp_path)
        gateway = start(
            text=lambda gateway: secure.text(
                secure.gateway(listener(gateway.port, **options)),
                certificate("web", paths),
                backend("echo", upstream.port),
                route("all", rule("echo")),
                *resources,
            )
        )
        gateway.paths = paths
        gateway.issued = issued
        return gateway

    return make


def handshakes(gateway, result):
    """How many handshakes came to `result`."""
    return gateway.metric("pinion_tls_handshakes_total", result=result)


def test_requests_of_both_versions_come_through(secured, authority):
    gateway = secured()
    status, _, body = get(gateway.port, authority.client())
    assert status == 200
    seen = json.loads(body)
    assert dict(seen["fields"])["x-forwarded-proto"] == "https"
    with connect(gateway.port, authority.client()) as plain:
        assert plain.version() == "TLSv1.3"
        assert plain.selected_alpn_protocol() is None

    context = authority.client(protocols=["h2", "http/1.1"])

    def wrap(plain):
        made = context.wrap_socket(plain, server_hostname="a.test")
        assert made.selected_alpn_protocol() == "h2"
        return made

    with Http2(gateway.port, wrap=wrap) as client:
        for number in range(20):
            body = b"x" * 1000 * number
            answer = client.request("POST", "/p", body=body, scheme="https")
            assert answer.status == 200
            seen = json.loads(answer.body)
            assert seen["bytes"] == len(body) if "bytes" in seen else True
    with connect(gateway.port, authority.client(protocols=["http/1.1"])) as made:
        assert made.selected_alpn_protocol() == "http/1.1"
    assert handshakes(gateway, "completed") == 4


def test_curl_and_openssl(secured, authority, tmp_path):
    gateway = secured()
    root = authority.write(tmp_path / "root.pem")
    for version in ["--http1.1", "--http2"]:
        done = subprocess.run(
            ["curl", "-sS", version, "--cacert", root, "--resolve"]
            + [f"a.test:{gateway.port}:{HOST}", f"https://a.test:{gateway.port}/x"]
            + ["-w", "\n%{http_version}"],
            capture_output=True, text=True, timeout=20, check=False,
        )
        assert done.returncode == 0, (version, done.stderr, gateway.output())
        body, spoken = done.stdout.rsplit("\n", 1)
        assert json.loads(body)["target"] == "/x"
        assert spoken == ("2" if version == "--http2" else "1.1")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{HOST}:{gateway.port}", "-servername", "a.test"]
        + ["-CAfile", root, "-verify_return_error", "-brief", "-alpn", "h2"],
        input="", capture_output=True, text=True, errors="replace", timeout=20, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "TLSv1.3" in done.stderr
    assert "Verification: OK" in done.stderr


def test_the_certificate_goes_by_the_host(start, serve, authority, tmp_path):
    upstream = serve()
    names = {"exact": "a.test", "wild": "*.wild.test", "any": "anything.test"}
    issued = {name: authority.issue(host) for name, host in names.items()}
    paths = {name: each.write(tmp_path, name) for name, each in issued.items()}
    resources = [
        *(certificate(name, each) for name, each in paths.items()),
        backend("echo", upstream.port),
        route("all", rule("echo")),
    ]

    def listeners(port, *wanted):
        hosts = {"exact": "a.test", "wild": "*.wild.test", "any": None}
        return [
            listener(port, name=name, shown=name, hostname=hosts[name]) for name in wanted
        ]

    gateway = start(
        text=lambda gateway: secure.text(
            secure.gateway(*listeners(gateway.port, "exact", "wild", "any")), *resources
        )
    )
    context = authority.client()
    assert serial_shown(gateway.port, context, "a.test") == issued["exact"].serial
    assert serial_shown(gateway.port, context, "x.wild.test") == issued["wild"].serial
    assert serial_shown(gateway.port, context, "anything.test") == issued["any"].serial
    assert serial_shown(gateway.port, context, "A.TEST") == issued["exact"].serial
    bare = authority.client()
    bare.check_hostname = False
    assert serial_shown(gateway.port, bare, None) == issued["any"].serial

    # Without one for every host, others and nobody are refused, and told so.
    gateway.write_text(
        secure.text(secure.gateway(*listeners(gateway.port, "exact", "wild")), *resources)
    )
    wait_until(lambda: "unrecognized" in str(fails(gateway.port, context, "c.test")), "alert")
    assert "unrecognized" in str(fails(gateway.port, bare, None))
    # The log tells of one failure in five seconds.
    wait_until(
        lambda: fails(gateway.port, context, "c.test") is not None
        and "for c.test failed: no listener" in gateway.output(),
        "the log",
        every=0.5,
    )
    assert handshakes(gateway, "unknown_name") >= 2


def test_another_host_than_the_connection_is_for_is_misdirected(
    start, serve, authority, tmp_path
):
    upstream = serve()
    paths = {
        name: authority.issue(host).write(tmp_path, name)
        for name, host in {"one": "a.test", "two": "b.test"}.items()
    }
    gateway = start(
        text=lambda gateway: secure.text(
            secure.gateway(
                listener(gateway.port, name="one", shown="one", hostname="a.test"),
                listener(gateway.port, name="two", shown="two", hostname="b.test"),
            ),
            *(certificate(name, each) for name, each in paths.items()),
            backend("echo", upstream.port),
            route("all", rule("echo")),
        )
    )
    client = secure.Client(gateway.port, authority.client(), "a.test")
    assert client.get()[0] == 200
    status, _, body = client.get(host="b.test")
    assert (status, json.loads(body)["code"]) == (421, "misdirected-request")
    assert client.get(host="nobody.test")[0] == 404
    assert client.get()[0] == 200, "the connection goes on"
    client.close()
    context = authority.client(protocols=["h2"])
    with Http2(
        gateway.port, wrap=lambda plain: context.wrap_socket(plain, server_hostname="a.test")
    ) as http2:
        assert http2.request("GET", "/", authority="b.test", scheme="https").status == 421
        assert http2.request("GET", "/", authority="a.test", scheme="https").status == 200
    assert len(upstream.requests) == 3 if hasattr(upstream, "requests") else True


def test_versions(secured, authority):
    old = authority.client()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    gateway = secured()
    assert "protocol version" in str(fails(gateway.port, old)).lower().replace("_", " ")
    wait_until(lambda: "no version of TLS that is allowed" in gateway.output(), "the log")
    assert handshakes(gateway, "version") == 1


def test_version_1_2_by_choice(secured, authority):
    gateway = secured(minimum="1.2")
    old = authority.client(protocols=["h2", "http/1.1"])
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(gateway.port, old) as made:
        assert made.version() == "TLSv1.2"
        assert made.selected_alpn_protocol() == "h2"
    with connect(gateway.port, authority.client()) as made:
        assert made.version() == "TLSv1.3"
    older = authority.client()
    older.minimum_version = ssl.TLSVersion.TLSv1_1
    older.maximum_version = ssl.TLSVersion.TLSv1_1
    older.set_ciphers("ALL:@SECLEVEL=0")
    assert fails(gateway.port, older) is not None


def test_no_protocol_in_common(secured, authority):
    gateway = secured()
    error = fails(gateway.port, authority.client(protocols=["spdy/3", "acme-tls/1"]))
    assert "no application protocol" in str(error).lower().replace("_", " ")
    wait_until(lambda: "offers only spdy/3, acme-tls/1" in gateway.output(), "the log")


def test_a_caller_that_does_not_trust_us_is_told_of(secured, authority):
    gateway = secured()
    assert "certificate verify failed" in str(fails(gateway.port, Authority("other").client()))
    wait_until(lambda: "does not trust our certificate" in gateway.output(), "the log")
    assert "write all certificates that lead there" in gateway.output()
    assert handshakes(gateway, "distrusted") == 1


def test_a_request_without_tls_hears_so(secured):
    gateway = secured()
    status, _, body = gateway.request("GET", "/")
    assert status == 400
    assert b"TLS" in body
    assert handshakes(gateway, "not_tls") == 1


def hello_of(name, context):
    """The hello that a client sends first, as bytes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        machine.do_handshake()
    return outgoing.read()


def test_a_hello_in_pieces(secured, authority):
    gateway = secured()
    hello = hello_of("a.test", authority.client())
    body = hello[5:]
    records = b"".join(
        struct.pack(">BHH", 22, 0x0301, len(body[at : at + 7])) + body[at : at + 7]
        for at in range(0, len(body), 7)
    )
    for pieces in ([hello[at : at + 1] for at in range(len(hello))], [records]):
        with socket.create_connection((HOST, gateway.port), timeout=5) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                plain.sendall(piece)
            answer = plain.recv(5)
            assert answer[0] == 22, "a handshake goes on"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x40\x01" + b"\x01" * 100,
        b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",
        b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + b"\x00" * 16380,
        b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03\x00\x00",
        b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10",
        bytes(range(256)) * 4,
    ],
)
def test_what_is_no_hello_is_refused(secured, sent):
    gateway = secured()
    with socket.create_connection((HOST, gateway.port), timeout=5) as plain:
        plain.sendall(sent)
        answer = b""
        try:
            while more := plain.recv(100):
                answer += more
        except ConnectionError:
            pass
    assert answer == b"" or answer[0] == 21, "an alert"
    assert handshakes(gateway, "malformed") + handshakes(gateway, "not_tls") == 1


def test_a_handshake_that_is_not_over_in_time(secured, authority):
    gateway = secured()
    with socket.create_connection((HOST, gateway.port), timeout=10) as plain:
        began = time.monotonic()
        plain.sendall(hello_of("a.test", authority.client())[:100])
        assert plain.recv(1) == b""
        assert 4 < time.monotonic() - began < 8
    wait_until(lambda: "not over within 5 s" in gateway.output(), "the log")
    assert handshakes(gateway, "timeout") == 1


def test_a_certificate_is_changed_while_it_serves(secured, authority):
    gateway = secured()
    context = authority.client()
    held = secure.Client(gateway.port, context)
    assert held.get()[0] == 200
    second = authority.issue("a.test", ends=7200)
    began = time.monotonic()
    second.write(gateway.folder.parent)
    wait_until(lambda: serial_shown(gateway.port, context) == second.serial, "the new one")
    assert time.monotonic() - began < 5
    assert held.get()[0] == 200, "what was connected goes on"
    held.close()
    ends = gateway.metric("pinion_certificate_expiry_timestamp_seconds")
    assert abs(ends - second.certificate.not_valid_after_utc.timestamp()) < 1

    # What is broken changes nothing, and is told.
    for content, word in [
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can be read"),
        (Authority("x").issue("a.test").chain_pem, "belongs to another certificate"),
    ]:
        before = gateway.metric("pinion_certificate_failures_total")
        replace(gateway.paths[0], content)
        wait_until(
            lambda: gateway.metric("pinion_certificate_failures_total") > before, "the count"
        )
        assert word in gateway.output()
        assert serial_shown(gateway.port, context) == second.serial
    assert gateway.metric("pinion_snapshot_rejected_total") == 0
    third = authority.issue("a.test")
    third.write(gateway.folder.parent)
    wait_until(lambda: serial_shown(gateway.port, context) == third.serial, "the third")


def test_rotation_under_load_fails_nothing(secured, authority):
    gateway = secured()
    context = authority.client()
    over = threading.Event()
    faults, done = [], []

    def call():
        client = secure.Client(gateway.port, context)
        while not over.is_set():
            try:
                status = client.get()[0]
                done.append(status)
                if status != 200:
                    faults.append(status)
                if len(done) % 7 == 0:
                    client.close()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not happen
                faults.append(error)
                client.close()
        client.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    shown = set()
    for _ in range(6):
        issued = authority.issue("a.test")
        issued.write(gateway.folder.parent)
        wait_until(lambda: serial_shown(gateway.port, context) == issued.serial, "rotation")
        shown.add(issued.serial)
    over.set()
    for thread in threads:
        thread.join()
    assert len(shown) == 6
    assert not faults, faults[:3]
    assert len(done) > 50
    assert gateway.metric("pinion_certificate_failures_total") == 0


def test_a_certificate_that_cannot_be_used_starts_nothing(tmp_path, authority):
    paths = authority.issue("a.test").write(tmp_path)
    replace(paths[1], Authority("x").issue("a.test").key_pem)
    file = tmp_path / "mesh.yaml"
    file.write_text(
        secure.text(
            secure.gateway(listener(1)),
            certificate("web", paths),
            backend("echo", 9),
            route("all", rule("echo")),
        ),
        encoding="utf-8",
    )
    status, _, errors = run("up", "-f", file, "--admin", "127.0.0.1:0")
    assert status != 0
    assert "belongs to another certificate" in errors
    paths[1].unlink()
    status, _, errors = run("up", "-f", file, "--admin", "127.0.0.1:0")
    assert status != 0
    assert "tls.key of Certificate/web cannot be read" in errors


def test_a_listener_becomes_encrypted(start, serve, authority, tmp_path):
    upstream = serve()
    paths = authority.issue("a.test").write(tmp_path)
    gateway = start(backend("echo", upstream.port), route("all", rule("echo")))
    held = socket.create_connection((HOST, gateway.port), timeout=5)
    held.sendall(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n")
    assert held.recv(12) == b"HTTP/1.1 200"
    gateway.write_text(
        secure.text(
            secure.gateway(listener(gateway.port)),
            certificate("web", paths),
            backend("echo", upstream.port),
            route("all", rule("echo")),
        )
    )
    wait_until(lambda: fails(gateway.port, authority.client()) is None, "TLS")
    while held.recv(65536):
        pass
    held.close()
    assert gateway.request("GET", "/")[0] == 400
