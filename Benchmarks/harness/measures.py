# SPDX-License-Identifier: Apache-2.0
"""The tests, and what is read from each."""

import time

from .machine import memory

#: Each test with what it does, in the order of a run.
TESTS = {
    "rr": "64 connections, each sends its next request when it has its answer",
    "sse": "200 event streams at once, one event every 20 ms on each",
    "ssehi": "1,000 event streams at once, one event every 20 ms on each",
    "rate": "2,000 requests a second on a fixed schedule",
    "loops": "as rr, with an event loop on each of two processors, one of which the load has too",
    "mem": "memory at rest, with 1,000 idle connections, with 1,000 open streams, and 20 s after",
}

#: How long after the burst memory is looked at again.
AFTER_SECONDS = 20

#: About how many seconds each test takes.
SECONDS = {"rr": 5, "sse": 6, "ssehi": 7, "rate": 5, "loops": 5, "mem": 14 + AFTER_SECONDS}


def measure(test, load, running, port, slow):
    """The figures of one test; None where the peer cannot take the load."""
    pids = ",".join(str(pid) for pid in running.pids) if running else None
    if test in ("rr", "loops"):
        found = load.run(
            "rr", port, connections=16 if slow else 64, warmup=1, seconds=4, pids=pids)
        return per_unit(found, found["requests"])
    if test == "rate":
        found = load.run(
            "rate", port, rate=50 if slow else 2000, warmup=1, seconds=4, pids=pids)
        return per_unit(found, found["requests"])
    if test in ("sse", "ssehi"):
        if slow and test == "ssehi":
            return None
        streams = 20 if slow else 200 if test == "sse" else 1000
        found = load.run("sse", port, connections=streams, warmup=2, seconds=4, pids=pids)
        return per_unit(found, found["events"])
    return None if slow or running is None else memories(load, running, port)


def per_unit(found, units):
    """The figures with what one request or event cost, in microseconds of CPU time."""
    return {
        "cpu": found["cpu_ns"] / 1000 / max(1, units),
        "rate": units / found["seconds"],
        "p50": found["p50_us"],
        "p99": found["p99_us"],
        "errors": found["errors"],
        "share": found["cpu_ns"] / 1e9 / found["seconds"],
    }


def memories(load, running, port):
    """Memory of a fresh process in MB, in four situations."""
    pid = running.popen.pid
    figures = {"idle": memory(pid)}
    for name, mode in (("connections", "idle"), ("streams", "sse")):
        background = load.start(mode, port, connections=1000, warmup=1, seconds=5)
        time.sleep(3.5)
        figures[name] = memory(pid)
        background.popen.wait()
    time.sleep(AFTER_SECONDS)
    figures["after"] = memory(pid)
    return figures
