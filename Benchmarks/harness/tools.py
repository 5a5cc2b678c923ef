# SPDX-License-Identifier: Apache-2.0
"""Our own tools: the load generator, the mock upstream and the sample requests."""

import json
import os
import pathlib
import subprocess
import sys

from .machine import ROOT, Process, free_port

BUILT = pathlib.Path(os.environ.get("BENCH_BUILD", ROOT / "Benchmarks/.build")) / "release"
BASELINE_BUILT = (
    pathlib.Path(os.environ.get("BASELINE_BUILD", ROOT / "Benchmarks/Baseline/.build"))
    / "release")


def write_bodies(folder):
    """Writes a chat request of about 1 KB, and the same for a stream."""
    body = {
        "model": "mock-model",
        "messages": [
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": "The mesh routes every call to a model server. " * 18},
        ],
        "temperature": 0.7,
        "max_tokens": 64,
    }
    texts = {"chat.json": body, "stream.json": {**body, "stream": True}}
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content, separators=(",", ":")))


class Load:
    """Puts load on one port from one processor."""

    def __init__(self, folder, cpu):
        self.folder = folder
        self.cpu = cpu
        write_bodies(folder)

    def command(self, mode, port, **options):
        body = "stream.json" if mode == "sse" else "chat.json"
        parts = [BUILT / "load-generator", mode, "--port", port, "--body", self.folder / body]
        for name, value in options.items():
            if value is not None:
                parts += ["--" + name, value]
        return [str(part) for part in parts]

    def run(self, mode, port, **options):
        """The figures of one run; ends the program when the load generator fails."""
        done = subprocess.run(
            self.command(mode, port, **options), capture_output=True, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {self.cpu}))
        if done.returncode != 0:
            sys.exit(f"the load generator failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def start(self, mode, port, **options):
        """The load as a process that goes on in the background."""
        return Process(self.command(mode, port, **options), self.cpu, self.folder)


class Mock(Process):
    """The upstream of every measurement."""

    def __init__(self, folder, cpu, chunks=64, interval=20_000):
        self.port = free_port()
        super().__init__(
            [BUILT / "mock-upstream", "--port", self.port, "--chunks", chunks,
             "--interval-us", interval], cpu, folder)
        if self.listens(self.port, 5) is None:
            sys.exit("the mock upstream did not start")


class Spinner(Process):
    """Keeps processors from halting, which costs a virtual machine tens of microseconds at each
    wake-up. It runs only when nothing else wants to."""

    def __init__(self, folder, cpus):
        super().__init__([BUILT / "load-generator", "spin", *sorted(set(cpus))], cpus[0], folder)
