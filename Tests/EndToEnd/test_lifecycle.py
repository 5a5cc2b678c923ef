# SPDX-License-Identifier: Apache-2.0
"""Starting, draining and ending."""

import json
import os
import socket

from children import HOST, Child, answers, free_port, request, wait_until
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


def test_without_a_file_the_openai_variables_are_enough(serve, tmp_path):
    upstream = serve(lambda *_: completion())
    port, admin = free_port(), free_port()
    child = Child(
        [BINARY, "up", "--listen", f"{HOST}:{port}", "--admin", f"{HOST}:{admin}"],
        tmp_path / "zero.log",
        {"OPENAI_BASE_URL": f"http://{HOST}:{upstream.port}/v1", "OPENAI_API_KEY": "canary-77"},
    )
    try:
        child.wait_ready(admin, "/ready")
        body = json.dumps({"model": "any-name", "messages": []})
        headers = {"content-type": "application/json"}
        status, _, _ = request(port, "POST", "/v1/chat/completions", body, headers)
        assert status == 200
        seen = upstream.requests[0]
        assert seen.target == "/v1/chat/completions"
        assert seen.field("authorization") == "Bearer canary-77"
        assert json.loads(seen.body)["model"] == "any-name"
        assert "canary-77" not in child.output()
    finally:
        child.end()


def test_without_anything_the_simulated_server_answers(tmp_path):
    port, admin = free_port(), free_port()
    environment = {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": ""}
    child = Child(
        [BINARY, "up", "--listen", f"{HOST}:{port}", "--admin", f"{HOST}:{admin}"],
        tmp_path / "offline.log",
        environment,
    )
    try:
        child.wait_ready(admin, "/ready")
        wait_until(lambda: answers(port, "/v1/models"), "the list of models")
        models = json.loads(request(port, "GET", "/v1/models")[2])["data"]
        messages = [{"role": "user", "content": "hi"}]
        body = json.dumps({"model": models[0]["id"], "messages": messages})
        headers = {"content-type": "application/json"}
        status, _, answer = request(port, "POST", "/v1/chat/completions", body, headers)
        assert status == 200
        assert json.loads(answer)["choices"]
    finally:
        child.end()


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
