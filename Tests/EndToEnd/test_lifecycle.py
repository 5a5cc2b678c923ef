# SPDX-License-Identifier: Apache-2.0
"""Starting, draining and ending."""

import json
import os
import socket

import pytest

from children import HOST, Child, free_port, request
from configuration import ai_backend, backend, mesh, model, route, rule, target
from pinion import BINARY, run
from wire import Wire, completion, reply

CHAT = json.dumps(
    {"model": "chat", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
)


def test_a_stream_under_way_is_finished_before_the_end(start, simulate):
    sim = simulate("tiny")
    gateway = start(
        ai_backend("servers", sim.port),
        model("chat", target("servers", model="tiny")),
        mesh(drainTimeout="10s"),
    )
    with Wire(gateway.port) as client:
        client.send(
            "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\n"
            "x-sim-tokens: 40\nx-sim-interval-ms: 25\n"
            f"content-length: {len(CHAT)}\n\n{CHAT}"
        )
        assert client.stream.read(300)
        gateway.terminate()
        rest = client.stream.read()
    assert b"data: [DONE]" in rest
    assert rest.endswith(b"0\r\n\r\n")
    assert gateway.process.wait(5) == 0


def test_idle_connections_do_not_hold_up_the_end(start, serve):
    upstream = serve(lambda *_: reply(b"ok"))
    gateway = start(
        backend("plain", upstream.port), route("site", rule("plain")), mesh(drainTimeout="30s")
    )
    with Wire(gateway.port) as client:
        client.send("GET / HTTP/1.1\nhost: a\n\n")
        assert client.answer().status == 200
        gateway.terminate()
        assert client.is_closed()
        assert gateway.process.wait(5) == 0


def test_a_stream_that_outlasts_the_deadline_is_cut(start, simulate):
    sim = simulate("tiny")
    gateway = start(
        ai_backend("servers", sim.port),
        model("chat", target("servers", model="tiny")),
        mesh(drainTimeout="300ms"),
    )
    with Wire(gateway.port) as client:
        client.send(
            "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\n"
            "x-sim-tokens: 10000\nx-sim-interval-ms: 25\n"
            f"content-length: {len(CHAT)}\n\n{CHAT}"
        )
        assert client.stream.read(300)
        gateway.terminate()
        gateway.process.wait(5)


def test_the_admin_port_answers_health_and_readiness(start):
    gateway = start()
    for path in ("/healthz", "/ready", "/metrics"):
        assert request(gateway.admin, "GET", path)[0] == 200, path
    assert request(gateway.admin, "GET", "/absent")[0] == 404


def test_a_port_in_use_is_said_with_a_remedy(start, tmp_path):
    first = start()
    folder = tmp_path / "second"
    folder.mkdir()
    (folder / "mesh.yaml").write_text((first.folder / "mesh.yaml").read_text())
    code, _, errors = run("up", "-f", folder, "--admin", f"{HOST}:{free_port()}")
    assert code != 0
    assert str(first.port) in errors


@pytest.fixture
def start_without_files(tmp_path):
    """start_without_files(environment): a gateway where it is when nothing is said: on 8080."""
    children = []

    def make(**environment):
        with socket.socket() as probe:
            assert probe.connect_ex((HOST, 8080)) != 0, "port 8080 is in use: free it for this test"
        admin = free_port()
        command = [BINARY, "up", "--admin", f"{HOST}:{admin}"]
        blank = {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": ""}
        children.append(Child(command, tmp_path / "up.log", {**blank, **environment}))
        children[-1].wait_ready(admin, "/ready")
        return children[-1]

    yield make
    for child in children:
        child.end()


def test_without_a_file_the_openai_variables_are_enough(serve, start_without_files):
    upstream = serve(lambda *_: completion())
    url = f"http://{HOST}:{upstream.port}/v1"
    gateway = start_without_files(OPENAI_BASE_URL=url, OPENAI_API_KEY="canary-77")
    body = json.dumps({"model": "any-name", "messages": []})
    headers = {"content-type": "application/json"}
    status, _, answer = request(8080, "POST", "/v1/chat/completions", body, headers)
    assert status == 200, answer
    seen = upstream.requests[0]
    assert seen.target == "/v1/chat/completions"
    assert seen.field("authorization") == "Bearer canary-77"
    assert json.loads(seen.body)["model"] == "any-name"
    assert "canary-77" not in gateway.output()


def test_without_anything_the_simulated_server_answers(start_without_files):
    start_without_files()
    models = json.loads(request(8080, "GET", "/v1/models")[2])["data"]
    messages = [{"role": "user", "content": "hi"}]
    body = json.dumps({"model": models[0]["id"], "messages": messages})
    headers = {"content-type": "application/json"}
    status, _, answer = request(8080, "POST", "/v1/chat/completions", body, headers)
    assert status == 200, answer
    assert json.loads(answer)["choices"]


def test_it_binds_loopback_only(start):
    gateway = start()
    others = {
        entry[4][0]
        for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not entry[4][0].startswith("127.")
    }
    for address in others:
        for port in (gateway.port, gateway.admin):
            with socket.socket() as probe:
                probe.settimeout(1)
                assert probe.connect_ex((address, port)) != 0


def test_the_binary_says_its_version():
    code, output, _ = run("version")
    assert code == 0
    assert output.strip()
    assert os.path.basename(BINARY) in output
