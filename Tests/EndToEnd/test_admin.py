# SPDX-License-Identifier: Apache-2.0
"""The admin port: who may look, who may act, and who is sent away."""

import http.client
import os
import socket
import subprocess

import pytest

from children import HOST, free_port, request, wait_until
from configuration import ai_backend, model, target, text
from configuration import gateway as gateway_resource
from pinion import BINARY, run

TOKEN = "0123456789abcdef-admin"


def over_unix(path, method, target, headers=None):
    """One request through a Unix socket: status and body."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    try:
        connection.request(method, target, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture
def plain(start, simulate):
    """A gateway with the admin port it has by default."""
    return start(ai_backend("servers", simulate("tiny").port), model("chat", target("servers")))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""]
)
def test_a_name_that_resolves_to_this_machine_reads_nothing(plain, host):
    status, _, body = request(plain.admin, "GET", "/snapshot", headers={"Host": host})
    assert status == 421 and b"backends" not in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_reads_nothing(plain, headers):
    status, fields, body = request(plain.admin, "GET", "/snapshot", headers=headers)
    assert status == 403 and b"backends" not in body
    assert "access-control-allow-origin" not in fields


def test_without_a_token_nobody_acts(plain):
    before = plain.output().count("is in use")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert request(plain.admin, method, "/reload", b"{}")[0] == 403
    assert plain.output().count("is in use") == before
    assert request(plain.admin, "GET", "/reload")[0] == 404


def test_the_admin_port_cannot_be_reached_through_a_route(plain, tmp_path):
    resources = [
        gateway_resource(plain.port),
        ai_backend("servers", plain.admin),
        model("chat", target("servers")),
    ]
    plain.write_text(text(resources))
    wait_until(lambda: "this pinion itself listens" in plain.output(), "the refusal")


def test_a_token_opens_what_it_is_for(start, simulate, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    gateway = start(
        ai_backend("servers", simulate("tiny").port),
        model("chat", target("servers")),
        arguments=["--admin-token-file", file],
    )
    right = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/healthz", "/ready"):
        assert request(gateway.admin, "GET", path)[0] == 200
    for path in ("/metrics", "/snapshot", "/recordings", "/get/routes/json", "/"):
        status, fields, _ = request(gateway.admin, "GET", path)
        assert (status, fields["www-authenticate"].split()[0]) == (401, "Bearer")
        assert request(gateway.admin, "GET", path, headers=right)[0] == 200
    wrong = {"Authorization": f"Bearer {TOKEN}x"}
    assert request(gateway.admin, "POST", "/reload", headers=wrong)[0] == 401
    evil = {**right, "Origin": "https://evil.example"}
    assert request(gateway.admin, "POST", "/reload", headers=evil)[0] == 403
    assert request(gateway.admin, "POST", "/reload", headers=right)[0] == 200
    admin = f"{HOST}:{gateway.admin}"
    assert run("get", "routes", "--admin", admin)[0] == 1
    known = {"PINION_ADMIN_TOKEN": TOKEN}
    assert run("get", "routes", "--admin", admin, environment=known)[0] == 0
    assert TOKEN not in gateway.output()


def test_a_unix_socket_is_for_its_owner(simulate, tmp_path):
    sim = simulate("tiny")
    file, path = tmp_path / "mesh.yaml", tmp_path / "admin.sock"
    file.write_text(
        text(
            [
                gateway_resource(free_port()),
                ai_backend("servers", sim.port),
                model("chat", target("servers")),
            ]
        )
    )
    log = open(tmp_path / "log", "wb")
    process = subprocess.Popen(
        [BINARY, "up", "-f", file, "--admin", f"unix:{path}"], stdout=log, stderr=log
    )
    try:
        wait_until(lambda: path.exists() and over_unix(path, "GET", "/ready")[0] == 200, "ready")
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert over_unix(path, "POST", "/reload")[0] == 200
        evil = {"Origin": "https://evil.example"}
        assert over_unix(path, "POST", "/reload", evil)[0] == 403
        status, output, error = run("get", "models", "--admin", f"unix:{path}")
        assert status == 0 and "chat" in output, error
    finally:
        process.terminate()
        assert process.wait(10) == 0
        log.close()
    assert not path.exists()


@pytest.mark.parametrize("place", ["0.0.0.0:0", "[::]:0", "10.1.2.3:15000"])
def test_where_others_can_reach_it_a_token_is_needed(tmp_path, place):
    file = tmp_path / "mesh.yaml"
    file.write_text(text([gateway_resource(free_port())]))
    status, _, error = run("up", "-f", file, "--admin", place)
    assert status == 1 and "it needs a token" in error
    short = tmp_path / "token"
    short.write_text("short")
    status, _, error = run("up", "-f", file, "--admin", place, "--admin-token-file", short)
    assert status == 1 and "shorter than 16 bytes" in error and "short\n" not in error
