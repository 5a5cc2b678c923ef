# SPDX-License-Identifier: Apache-2.0
"""The machine: its processors, ports and processes."""

import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def processors():
    """The processor for the proxy and the one for everything else; equal when there is one.

    Two threads of one core are not two processors: what one does slows the other down.
    """
    allowed = sorted(os.sched_getaffinity(0))
    first = allowed[0]
    siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{first}/topology/thread_siblings_list")
    same = set()
    if siblings.exists():
        for part in siblings.read_text().strip().split(","):
            ends = [int(end) for end in part.split("-")]
            same.update(range(ends[0], ends[-1] + 1))
    others = [cpu for cpu in allowed[1:] if cpu not in same] or allowed[1:] or [first]
    return first, others[0]


def describe():
    """One line about the machine."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    system = os.uname()
    return f"{model}, {len(os.sched_getaffinity(0))} processors, Linux {system.release}"


def free_port():
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    """Whether something listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def family(pid):
    """The process and all its descendants."""
    found = [pid]
    for one in found:
        for task in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found.extend(int(child) for child in task.read_text().split())
            except OSError:
                pass
    return found


def memory(pid):
    """The proportional share of memory of the process and its descendants, in MB."""
    kilobytes = 0
    for one in family(pid):
        try:
            for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
        except OSError:
            pass
    return kilobytes / 1024


class Process:
    """A program pinned to one processor, or to a set of them, ended with its descendants."""

    def __init__(self, command, cpu, folder, environment=None, log=None):
        self.command = [str(part) for part in command]
        self.started = time.monotonic()
        cpus = cpu if isinstance(cpu, set) else {cpu}
        # Everything stays in one session: a new one would be a scheduling group of its own,
        # and the spinner that keeps a processor awake would then get half of it.
        self.popen = subprocess.Popen(
            self.command, cwd=folder, env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=log or subprocess.DEVNULL,
            stderr=log or subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    @property
    def pids(self):
        return family(self.popen.pid)

    @property
    def ended(self):
        return self.popen.poll() is not None

    def listens(self, port, seconds):
        """Milliseconds until the port was open; None when it never was."""
        limit = self.started + seconds
        while time.monotonic() < limit and not self.ended:
            if accepts(port):
                return (time.monotonic() - self.started) * 1000
            time.sleep(0.005)
        return None

    def stop(self):
        """Ends it, if need be the hard way."""
        pids = self.pids if not self.ended else []
        if not self.ended:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                pass
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.popen.wait()
