#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guard against rising costs: has Pinion become more expensive?

usage: quick.py [--rounds 5] [--accept | --shared]

CPU time differs from machine to machine, so it is taken as a ratio: Pinion to a proxy that only
passes bytes over SwiftNIO, in turns, each at the best of the rounds in which it was alone. The
ratio may be 15 % above the one in Benchmarks/Thresholds. Allocations are counted and need no such
room. --accept writes what was found into the thresholds; review the diff. With --shared, as where
tests run beside others' work, CPU times that could not be judged are said and do not fail.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from harness import machine, peers
from harness.tools import BUILT, Load, Mock

#: How much more than the ratio in the thresholds is an alarm.
ROOM = 1.15
#: A proxy under full load that got less of its processor than this was not alone on it; its
#: caches were emptied and its wake-ups were many, so its figure says nothing.
SHARE_LEAST = 0.85
NOT_ALONE = (
    "CPU times were not judged: other programs used the processors in nearly every round. "
    "End them and run this again.")
#: Allocations vary a little with how many bytes one read happens to bring.
ALLOCATIONS_ROOM = 0.1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--shared", action="store_true")
    options = parser.parse_args()

    known = {peer.name: peer for peer in peers.all_peers()}
    for name in ("pinion", "baseline"):
        if known[name].program is None:
            sys.exit(f"{known[name].title} is not built: {known[name].missing}")
    path = thresholds_path()
    thresholds = json.loads(path.read_text())
    cpus = machine.processors()
    with tempfile.TemporaryDirectory(prefix="pinion-bench-") as place:
        folder = pathlib.Path(place)
        load = Load(folder, cpus[1])
        found = allocations(known, folder, load, cpus)
        costs = cpu_costs(known, folder, load, cpus, options.rounds)
        bounds = thresholds.get("proxy") or {}
        if not is_calm(costs) or (not options.accept and too_slow(ratios(costs), bounds)):
            # A neighbour may have been there in every round: what is worse must stay worse.
            print("above the threshold, or not alone on the machine: measuring again")
            more = cpu_costs(known, folder, load, cpus, options.rounds)
            costs = {name: costs[name] + more[name] for name in costs}
    if is_calm(costs):
        for name, ratio in ratios(costs).items():
            found[name]["cpuRatio"] = round(ratio, 3)
    elif options.accept:
        sys.exit(NOT_ALONE)
    if options.accept:
        thresholds["proxy"] = found
        text = json.dumps(thresholds, indent=2, sort_keys=True, separators=(",", " : "))
        path.write_text(text + "\n")
        print(f"wrote {path}")
        return
    status = judge(found, bounds)
    if status == 0 and not is_calm(costs):
        # Passing would say that CPU times are as they were, which nobody knows.
        if options.shared:
            print(NOT_ALONE)
        else:
            sys.exit(NOT_ALONE)
    sys.exit(status)


def thresholds_path():
    """The thresholds of the compiler on the search path, as micro chooses them."""
    done = subprocess.run(["swift", "--version"], capture_output=True, text=True)
    version = re.search(r"Swift version (\d+\.\d+)", done.stdout)
    path = machine.ROOT / f"Benchmarks/Thresholds/{version[1] if version else '6.3'}.json"
    if not path.exists():
        sys.exit(f"{path} is missing: copy the newest of its neighbours and use --accept")
    return path


def cpu_costs(known, folder, load, cpus, rounds):
    """CPU time of a request in nanoseconds and the share of its processor that the proxy got, by
    peer, of each round."""
    costs = {name: [] for name in ("pinion", "baseline", "pinion-ai")}
    mock = Mock(folder, cpus[1])
    try:
        for _ in range(rounds):
            for name in costs:
                found = cost_of_request(known[name], folder, load, cpus[0], mock.port)
                costs[name].append(found)
            print("CPU µs a request: " + ", ".join(
                f"{known[name].title} {costs[name][-1][0] / 1000:.1f} (at {costs[name][-1][1]:.0%})"
                for name in costs), flush=True)
    finally:
        mock.stop()
    return costs


def cost_of_request(peer, folder, load, cpu, upstream):
    """CPU time of a request in nanoseconds, and the share of its processor; a fresh process."""
    for attempt in range(3):
        running = peer.start(folder, cpu, upstream)
        found = load.run(
            "rr", running.port, warmup=0.5, seconds=1.3,
            pids=",".join(str(pid) for pid in running.pids))
        has_ended = running.ended
        running.stop()
        if found["requests"] and not found["errors"] and not has_ended:
            share = found["cpu_ns"] / 1e9 / found["seconds"]
            return found["cpu_ns"] / found["requests"], share
        print(f"{peer.title}: {found['requests']} requests and {found['errors']} errors in "
              f"{found['cpu_ns'] / 1e6:.0f} ms of CPU time; trying again", flush=True)
    sys.exit(f"{peer.title} failed three times under load")


def best(measured):
    """The least cost among the rounds in which the proxy was alone; among all without any."""
    calm = [cost for cost, share in measured if share >= SHARE_LEAST]
    return min(calm or [cost for cost, _ in measured])


def is_calm(costs):
    """Whether every proxy was alone in at least two rounds."""
    return all(
        sum(share >= SHARE_LEAST for _, share in measured) >= 2 for measured in costs.values())


def ratios(costs):
    """Pinion to the baseline, each at its best."""
    base = best(costs["baseline"])
    return {"plain": best(costs["pinion"]) / base, "ai": best(costs["pinion-ai"]) / base}


def too_slow(found, bounds):
    return any(
        found[name] > bounds[name]["cpuRatio"] * ROOM for name in found
        if "cpuRatio" in bounds.get(name, {}))


def allocations(known, folder, load, cpus):
    """Allocations of the whole proxy: of a request, and of an event in the middle of streams."""
    found = {}
    for name, peer, mode in (
            ("plain", "pinion", "rr"), ("ai", "pinion-ai", "rr"),
            ("plain event", "pinion", "sse"), ("event", "pinion-ai", "sse")):
        # Streams that do not end while they are watched: what one begins with is not counted.
        mock = Mock(folder, cpus[1], chunks=1_000_000, interval=5_000)
        count = folder / "allocations"
        count.unlink(missing_ok=True)
        running = known[peer].start(folder, cpus[0], mock.port, {
            "LD_PRELOAD": str(BUILT / "libCountingAllocator.so"), "ALLOCATIONS_FILE": str(count)})
        figures = load.run(
            mode, running.port, connections=32, warmup=1, seconds=1.5, count=count)
        running.stop()
        mock.stop()
        units = figures["events"] if mode == "sse" else figures["requests"]
        found[name] = {"allocations": round(figures["allocations"] / max(1, units), 2)}
        what = "an event" if mode == "sse" else "a request"
        print(f"{known[peer].title}: {found[name]['allocations']} allocations {what}", flush=True)
    return found


def judge(found, bounds):
    """Prints what is beyond its bound; the exit status."""
    broken = []
    for name, figures in found.items():
        bound = bounds.get(name)
        if bound is None:
            broken.append(f"{name}: no bound; run quick.py --accept")
            continue
        most = bound["allocations"] + ALLOCATIONS_ROOM
        if figures["allocations"] > most:
            broken.append(f"{name}: {figures['allocations']} allocations, at most {most:.2f}")
        if "cpuRatio" not in figures:
            continue
        if "cpuRatio" not in bound:
            broken.append(f"{name}: no bound on CPU time; run quick.py --accept")
            continue
        worse = figures["cpuRatio"] / bound["cpuRatio"] - 1
        print(f"{name}: {figures['cpuRatio']:.2f} × the baseline, {worse:+.0%} to the threshold's "
              f"{bound['cpuRatio']:.2f}")
        if worse > ROOM - 1:
            broken.append(f"{name}: {worse:.0%} more CPU time a request than the threshold says")
    for line in broken:
        print(f"BROKEN  {line}")
    print("every threshold holds" if not broken else f"{len(broken)} thresholds are broken")
    return 1 if broken else 0


if __name__ == "__main__":
    main()
