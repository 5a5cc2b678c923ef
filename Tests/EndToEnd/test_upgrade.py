# SPDX-License-Identifier: Apache-2.0
"""A new program takes over from a running one."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

import configuration
import secure
from authority import Authority
from children import HOST, free_port, request, wait_until
from configuration import ai_backend, backend, limit_policy, mesh, model, path, route, rule
from configuration import target
from pinion import BINARY, Pinion, run
from test_asked import Question, judging
from wire import Wire, reply

CHAT = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hello"}]})
STREAM = json.dumps({**json.loads(CHAT), "stream": True})
JSON_BODY = {"content-type": "application/json"}


def is_there(process):
    """Whether the process of that id runs."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as state:
            return state.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Upgradable(Pinion):
    """A gateway whose program lies in a folder of the test, where it can be replaced."""

    def __init__(self, folder, resources, **options):
        folder.mkdir(parents=True)
        self.program = folder / "pinion"
        shutil.copy2(BINARY, self.program)
        self.pids = []
        super().__init__(folder / "mesh", resources, binary=self.program, **options)
        self.pids = [self.process.pid]

    def install(self, source=BINARY):
        """Puts a program in the place of the present one, as package managers do."""
        draft = self.program.with_suffix(".new")
        shutil.copy2(source, draft)
        os.replace(draft, self.program)

    def successors(self):
        """The processes that took over, in order."""
        return [int(found) for found in re.findall(r"process (\d+) serves now", self.output())]

    def upgrade(self):
        """Has another process take over, and waits until it has."""
        count = len(self.successors())
        self.install()
        os.kill(self.pids[-1], signal.SIGUSR2)
        wait_until(lambda: len(self.successors()) > count, "the next process", seconds=30)
        self.pids.append(self.successors()[-1])

    def end(self, seconds=20):
        """Ends every process of it."""
        self.pids = sorted(set(self.pids + self.successors()))
        alive = [process for process in self.pids if is_there(process)]
        for process in alive:
            os.kill(process, signal.SIGTERM)
        try:
            if self.process.poll() is None:
                self.process.wait(seconds)
            wait_until(lambda: not any(map(is_there, alive)), f"the end of {alive}", seconds)
        finally:
            for process in filter(is_there, alive):
                os.kill(process, signal.SIGKILL)


@pytest.fixture
def upgradable(tmp_path):
    """upgradable(*resources): a gateway whose program can be replaced."""
    gateways = []

    def make(*resources, **options):
        gateways.append(Upgradable(tmp_path / f"up-{len(gateways)}", resources, **options))
        return gateways[-1]

    yield make
    for gateway in gateways:
        gateway.end()
        # Copies of the program are large.
        gateway.program.unlink()


class Callers:
    """Clients that ask again and again until they are told to stop; any failure is kept."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.failures = []
        self.requests = 0
        self.streams = 0
        self.stopped = threading.Event()
        self.threads = []

    def start(self, work, count):
        """Starts `count` threads of `work`."""
        for _ in range(count):
            thread = threading.Thread(target=self._run, args=(work,))
            thread.start()
            self.threads.append(thread)

    def _run(self, work):
        # Opens another connection only where the last answer said that this one closes.
        connection = http.client.HTTPConnection(HOST, self.gateway.port, timeout=30)
        try:
            while not self.stopped.is_set():
                work(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
            self.failures.append(f"{time.monotonic():.3f} {error!r}")
        finally:
            connection.close()

    def ask(self, connection):
        """One request on a connection that stays, a pause like a person's behind it."""
        connection.request("POST", "/v1/chat/completions", CHAT, JSON_BODY)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body)
        self.requests += 1

    def ask_anew(self, _):
        """One request on a connection of its own."""
        status, _, body = request(self.gateway.port, "GET", "/plain", timeout=30)
        assert status == 200, (status, body)
        self.requests += 1

    def stream(self, connection):
        """One stream of six seconds."""
        headers = {**JSON_BODY, "x-sim-tokens": "120", "x-sim-interval-ms": "50"}
        connection.request("POST", "/v1/chat/completions", STREAM, headers)
        answer = connection.getresponse()
        received = answer.read()
        assert answer.status == 200, (answer.status, received)
        assert received.endswith(b"data: [DONE]\n\n"), received[-200:]
        assert received.count(b"data: ") >= 121
        self.streams += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Lets what is under way finish."""
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def site(sim, upstream, weight=1, **settings):
    """A mesh with a model and a plain route."""
    return [
        ai_backend("servers", sim.port),
        model("chat", target("servers", weight=weight, model="tiny")),
        backend("plain", upstream.port),
        route("site", rule("plain", matches=[path("/plain")])),
        mesh(drainTimeout="5s", upgradeTimeout="30s", **settings),
    ]


def test_ten_upgrades_and_a_hundred_changes_lose_no_request(upgradable, simulate, serve):
    sim, upstream = simulate("tiny"), serve(lambda *_: reply(b"ok"))
    gateway = upgradable(*site(sim, upstream))
    callers = Callers(gateway)
    with callers:
        callers.start(callers.stream, 5)
        callers.start(callers.ask, 3)
        callers.start(callers.ask_anew, 2)
        for number in range(10):
            for change in range(10):
                gateway.write(site(sim, upstream, weight=1 + (number + change) % 7))
                # The pace of the changes, not a wait for anything.
                time.sleep(0.02)
            gateway.upgrade()
        wait_until(
            lambda: callers.streams >= 10 or callers.failures, "whole streams", seconds=40
        )
    assert callers.failures == []
    assert callers.requests >= 200
    print(f"{callers.requests} requests and {callers.streams} streams over 10 upgrades")
    # Whoever was replaced ends once its streams have.
    wait_until(
        lambda: not any(map(is_there, gateway.pids[:-1])), "the end of the former", seconds=35
    )
    assert gateway.request("GET", "/plain")[0] == 200


def test_every_kind_of_listener_is_handed_over(upgradable, serve, tmp_path):
    upstream, authority = serve(lambda *_: reply(b"ok")), Authority()
    root = authority.write(tmp_path / "root.pem")
    paths = authority.issue("a.test").write(tmp_path)
    asked = free_port()

    def resources(gateway):
        anybody = [{"name": "all", "action": "allow", "when": "true"}]
        return configuration.text([
            secure.gateway(secure.listener(gateway.port)),
            secure.certificate("web", paths),
            backend("plain", upstream.port),
            route("site", rule("plain")),
            *judging(asked, "gRPC", rules=anybody),
            mesh(drainTimeout="5s", upgradeTimeout="30s"),
        ])

    gateway = upgradable([], text=resources)
    callers = Callers(gateway)

    def ask_within_tls(_):
        """Requests of HTTP/1.1 on one connection, until an answer says that it closes."""
        client = secure.Client(gateway.port, authority.client(protocols=["http/1.1"]))
        for _ in range(20):
            status, fields, _ = client.get()
            assert status == 200
            callers.requests += 1
            if fields.get("connection") == "close":
                break
        client.close()

    def ask_over_http2(_):
        """Requests of HTTP/2 one after another, on as few connections as curl can."""
        done = subprocess.run(
            ["curl", "-sS", "--http2", "--cacert", root]
            + ["--resolve", f"a.test:{gateway.port}:{HOST}", "-w", "%{http_code} "]
            + [f"https://a.test:{gateway.port}/[1-50]"],
            capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "ok200 " * 50
        callers.requests += 50

    def question(_):
        """Questions of another proxy over gRPC, on one channel."""
        # What a server refuses on its way out was not looked at: clients of gRPC send it again
        # where they are allowed to.
        with Question(asked, retries=True) as client:
            for _ in range(50):
                assert client.ask().status.code == 0
                callers.requests += 1

    with callers:
        for work in (ask_within_tls, ask_over_http2, question):
            callers.start(work, 1)
        for _ in range(3):
            before = callers.requests
            gateway.upgrade()
            wait_until(lambda: callers.requests > before + 50, "more answers", seconds=30)
    assert callers.failures == []
    wait_until(
        lambda: not any(map(is_there, gateway.pids[:-1])), "the end of the former", seconds=35
    )
    with Question(asked) as client:
        assert client.ask().status.code == 0


def test_a_stream_goes_on_in_the_process_that_was_replaced(upgradable, simulate, serve):
    sim, upstream = simulate("tiny"), serve(lambda *_: reply(b"ok"))
    gateway = upgradable(*site(sim, upstream))
    with Wire(gateway.port, timeout=20) as client:
        client.send(
            "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\n"
            "x-sim-tokens: 100\nx-sim-interval-ms: 50\n"
            f"content-length: {len(STREAM)}\n\n{STREAM}"
        )
        assert client.stream.read(300)
        gateway.upgrade()
        first, second = gateway.pids
        assert is_there(first) and is_there(second)
        assert gateway.request("GET", "/plain")[0] == 200
        answer = client.stream
        text = b""
        while b"data: [DONE]" not in text:
            piece = answer.read1(100)
            assert piece, text[-200:]
            text += piece
    wait_until(lambda: not is_there(first), "the end of the former process", seconds=20)
    assert is_there(second)


@pytest.mark.parametrize("what", ["program", "configuration"])
def test_what_does_not_start_changes_nothing(upgradable, simulate, serve, tmp_path, what):
    sim, upstream = simulate("tiny"), serve(lambda *_: reply(b"ok"))
    gateway = upgradable(*site(sim, upstream))
    if what == "program":
        broken = tmp_path / "broken"
        broken.write_text("#!/bin/sh\nexit 3\n")
        broken.chmod(0o755)
        gateway.install(broken)
    else:
        gateway.write_text("kind: [")
    os.kill(gateway.pids[0], signal.SIGUSR2)
    wait_until(lambda: "did not start" in gateway.output(), "the failure", seconds=30)
    assert gateway.successors() == []
    assert gateway.request("GET", "/plain")[0] == 200
    assert gateway.process.poll() is None
    if what == "configuration":
        gateway.write(site(sim, upstream))
    gateway.upgrade()
    assert gateway.request("GET", "/plain")[0] == 200


def test_the_command_says_who_serves(upgradable, simulate, serve, tmp_path):
    sim, upstream = simulate("tiny"), serve(lambda *_: reply(b"ok"))
    token = tmp_path / "token"
    token.write_text("a-token-nobody-guesses\n")
    gateway = upgradable(*site(sim, upstream), arguments=["--admin-token-file", token])
    place = ["--admin", f"{HOST}:{gateway.admin}"]
    code, _, errors = run("upgrade", *place)
    assert code != 0 and "token" in errors
    environment = {"PINION_ADMIN_TOKEN": "a-token-nobody-guesses"}
    code, text, errors = run("upgrade", *place, environment=environment, seconds=40)
    assert code == 0, errors
    new = int(re.search(r"process (\d+) serves now", text)[1])
    wait_until(lambda: not is_there(gateway.pids[0]), "the end of the former process")
    assert is_there(new)
    code, text, errors = run("get", "status", *place, environment=environment)
    assert code == 0 and "ready" in text, errors


def test_limits_remember_what_was_used(upgradable, simulate, serve):
    sim, upstream = simulate("tiny"), serve(lambda *_: reply(b"ok"))
    limit = {"name": "few", "requests": 5, "per": "1h", "key": "header:x-team"}
    gateway = upgradable(
        *site(sim, upstream),
        limit_policy("HTTPRoute", "site", limit),
        arguments=["--concurrency", "1"],
    )
    ask = lambda: gateway.request("GET", "/plain", headers={"x-team": "a"})[0]  # noqa: E731
    assert [ask() for _ in range(3)] == [200] * 3
    gateway.upgrade()
    assert [ask() for _ in range(3)] == [200, 200, 429]
