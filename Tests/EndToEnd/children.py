# SPDX-License-Identifier: Apache-2.0
"""Child processes on loopback: started on free ports, awaited by polling, always ended."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time

HOST = "127.0.0.1"
_given = set()


def free_port():
    """A port that nothing listens on; never the same one twice in a run."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def wait_until(condition, what, seconds=10, every=0.02):
    """Polls `condition` until it is true and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


def request(port, method, path, body=None, headers=None, timeout=10):
    """One request on a connection of its own: status, headers in lower case, body."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, fields, answer.read()
    finally:
        connection.close()


def get_json(port, path):
    """The JSON document at `path`, which must be there."""
    status, _, body = request(port, "GET", path)
    assert status == 200, (path, status, body)
    return json.loads(body)


def answers(port, path):
    """Whether a GET of `path` is answered with 200."""
    try:
        return request(port, "GET", path, timeout=2)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


class Child:
    """A process of ours with its output in a file."""

    def __init__(self, command, log, environment=None):
        self.command = [str(part) for part in command]
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )

    def output(self):
        """Everything it has printed so far."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_ready(self, port, path, seconds=20):
        """Waits until `path` on `port` is answered with 200."""

        def ready():
            code = self.process.poll()
            assert code is None, f"{self.command} ended with {code}:\n{self.output()[-4000:]}"
            return answers(port, path)

        try:
            wait_until(ready, f"{self.command} ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()[-4000:]}") from None

    def terminate(self):
        """Asks it to end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def end(self, seconds=10):
        """Ends it and returns its exit status; one that does not end in time is killed."""
        self.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.command} did not end within {seconds} s") from None

    def resident_bytes(self):
        """Memory that it holds of its own: pages of its code come and go as they are used."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon")
