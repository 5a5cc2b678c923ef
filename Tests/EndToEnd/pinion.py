# SPDX-License-Identifier: Apache-2.0
"""The gateway under test, and the model server that is built into it."""

import json
import os
import pathlib
import re
import subprocess

import openai

import configuration
from children import HOST, Child, free_port, get_json, request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PINION", str(ROOT / ".build" / "debug" / "pinion"))


def run(*arguments, environment=None, seconds=20):
    """Runs a command of `pinion` to its end: exit status, standard output, standard error."""
    done = subprocess.run(
        [BINARY, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


class Pinion(Child):
    """`pinion up` on a folder with one file."""

    def __init__(
        self, folder, resources, environment=None, arguments=(), text=None, binary=BINARY
    ):
        """`text(gateway)` makes the file's text when `resources` do not."""
        self.port = free_port()
        self.admin = free_port()
        self.folder = folder
        self.folder.mkdir(parents=True)
        if text:
            self.write_text(text(self))
        else:
            self.write(resources)
        command = [binary, "up", "-f", folder, "--admin", f"{HOST}:{self.admin}", *arguments]
        super().__init__(command, folder.parent / f"{folder.name}.log", environment)
        self.wait_ready(self.admin, "/ready")

    def write(self, resources):
        """Replaces the configuration in one step, as editors and Kubernetes do.

        A Gateway is added, and a Mesh that keeps the ends of tests short when there is none.
        """
        resources = [configuration.gateway(self.port), *resources]
        if not any(entry["kind"] == "Mesh" for entry in resources):
            resources.append(configuration.mesh(drainTimeout="2s"))
        self.write_text(configuration.text(resources))

    def write_text(self, text):
        """Replaces the configuration by `text`."""
        draft = self.folder.parent / f"{self.folder.name}.draft"
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, self.folder / "mesh.yaml")

    def openai(self, **options):
        """The official client, which tries nothing twice unless told to."""
        settings = {"api_key": "unused", "max_retries": 0, "timeout": 20, **options}
        return openai.OpenAI(base_url=f"http://{HOST}:{self.port}/v1", **settings)

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        return request(self.port, method, path, body, headers)

    def chat(self, name, headers=None, **fields):
        """One chat request without the client library."""
        messages = [{"role": "user", "content": "hello"}]
        body = json.dumps({"model": name, "messages": messages, **fields})
        headers = {"content-type": "application/json", **(headers or {})}
        return self.request("POST", "/v1/chat/completions", body, headers)

    def metrics(self):
        """Every sample on the admin port: name, labels, value."""
        status, _, body = request(self.admin, "GET", "/metrics")
        assert status == 200, body
        samples = []
        for line in body.decode().splitlines():
            found = re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line)
            if found and not line.startswith("#"):
                labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
                samples.append((found[1], labels, float(found[3])))
        return samples

    def metric(self, name, **labels):
        """The sum of the samples called `name` that carry `labels`."""
        return sum(
            value
            for sample, found, value in self.metrics()
            if sample == name and labels.items() <= found.items()
        )

    def access_log(self):
        """The records that it has written so far, in the order in which exchanges began."""
        records = []
        for line in self.output().splitlines():
            if line.startswith("{"):
                try:
                    records.append(json.loads(line))
                except json.JSONDecodeError:
                    continue
        # Each event loop writes its own, a few at a time.
        records = [record for record in records if "status" in record]
        return sorted(records, key=lambda record: record["time"])


class ModelServer(Child):
    """`pinion model-server`: simulated, on real sockets."""

    def __init__(self, log, *models, arguments=()):
        self.port = free_port()
        # Twenty times as fast as the engine it imitates; what a test orders keeps its pace.
        command = [BINARY, "model-server", "--port", self.port, "--quiet", "--speed", "20"]
        super().__init__([*command, "--models", ",".join(models), *arguments], log)
        self.wait_ready(self.port, "/health")

    def stats(self):
        """What it counts about the requests it got."""
        return get_json(self.port, "/sim/stats")

    def requests(self):
        """The last 256 API requests it got, the oldest first."""
        found = get_json(self.port, "/sim/requests?last=256&path=/v1/")
        return sorted(found, key=lambda entry: entry["number"])

    def set_faults(self, **faults):
        """Makes `faults` strike every request from now on; none ends them."""
        headers = {"content-type": "application/json"}
        status, _, body = request(
            self.port, "POST", "/sim/faults", json.dumps(faults), headers
        )
        assert status == 200, (status, body)
