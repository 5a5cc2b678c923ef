# SPDX-License-Identifier: Apache-2.0
"""A process that may open no more files."""

import os
import resource
import socket
import time

from children import HOST, wait_until
from configuration import backend, route, rule


def test_connections_beyond_the_limit_wait_and_cost_nothing(start, serve):
    upstream = serve()
    gateway = start(backend("plain", upstream.port), route("site", rule("plain")))
    assert gateway.request("GET", "/")[0] == 200
    pid = gateway.process.pid
    room = 8
    limit = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + room
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))

    held = [socket.create_connection((HOST, gateway.port)) for _ in range(4 * room)]
    time.sleep(0.3)
    before = process_seconds(pid)
    time.sleep(1)
    # It does not ask the kernel again and again for what it cannot have.
    assert process_seconds(pid) - before < 0.3

    for connection in held:
        connection.close()
    wait_until(
        lambda: gateway.request("GET", "/")[0] == 200, "an answer once there is room", seconds=5
    )


def process_seconds(pid):
    """CPU time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
