#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Pinion beside other proxies and writes Docs/benchmarks.md.

usage: compare.py [--rounds 5] [--tests rr,sse,ssehi,rate,mem] [--peers pinion,envoy,…]
                  [--write | --no-write] [--no-spin] [--report FILE…]

Without --peers everything that is installed takes part. The page is written when all tests ran,
or with --write. --report makes tables and page from the files of earlier runs.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import machine, measures, peers, report
from harness.chart import chart
from harness.tools import Load, Mock, Spinner

ROOT = machine.ROOT


def main():
    options = read_options()
    if options.report:
        run = joined([json.loads(pathlib.Path(path).read_text()) for path in options.report])
    else:
        run = measured(options)
        keep(run)
    print(report.terminal(run))
    is_whole = set(options.tests) == set(measures.TESTS) or bool(options.report)
    if options.write or (options.write is None and is_whole):
        write(run)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    environment = os.environ.get
    parser.add_argument("--rounds", type=int, default=int(environment("ROUNDS", "5")))
    parser.add_argument("--tests", default=environment("TESTS") or ",".join(measures.TESTS))
    parser.add_argument("--peers", default=environment("PEERS"))
    parser.add_argument("--write", action=argparse.BooleanOptionalAction)
    parser.add_argument("--spin", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--report", nargs="+", metavar="FILE")
    options = parser.parse_args()
    options.tests = options.tests.split(",")
    unknown = set(options.tests) - set(measures.TESTS)
    if unknown:
        parser.error(f"no such test: {', '.join(unknown)}; there are {', '.join(measures.TESTS)}")
    return options


def chosen(options):
    """The peers that take part; says which are missing and how to get them."""
    known = {peer.name: peer for peer in peers.all_peers()}
    wanted = options.peers.split(",") if options.peers else list(known)
    unknown = set(wanted) - set(known) - {"direct"}
    if unknown:
        sys.exit(f"no such peer: {', '.join(unknown)}; there are direct, {', '.join(known)}")
    taking = []
    for name in wanted:
        if name == "direct":
            continue
        if known[name].program is None:
            say(f"without {known[name].title}: not found ({known[name].missing})")
        else:
            taking.append(known[name])
    if not any(peer.name.startswith("pinion") for peer in taking) and not options.peers:
        sys.exit("Pinion itself is missing: build it first, or set PINION to its path")
    return taking


def measured(options):
    """Runs everything; answers the run."""
    taking = chosen(options)
    proxy_cpu, load_cpu = machine.processors()
    notes = []
    if proxy_cpu == load_cpu:
        notes.append(
            "There was one processor only, so proxy and load shared it: CPU times count, rates "
            "and latencies do not.")
        say(notes[0])
    seconds = sum(measures.SECONDS[test] for test in options.tests) + 2
    total = (len(taking) + 0.5) * (seconds * options.rounds)
    if "mem" in options.tests:
        total -= (len(taking) + 0.5) * measures.SECONDS["mem"] * (options.rounds - 1)
    say(f"{len(taking)} proxies, {options.rounds} rounds: about {total / 60:.0f} minutes")
    with tempfile.TemporaryDirectory(prefix="pinion-bench-") as place:
        folder = pathlib.Path(place)
        spinner = Spinner(folder, [proxy_cpu, load_cpu]) if options.spin else None
        mock = Mock(folder, load_cpu)
        load = Load(folder, load_cpu)
        rounds = []
        try:
            for number in range(options.rounds):
                say(f"round {number + 1} of {options.rounds}")
                rounds.append(one_round(options, taking, number, folder, load, mock, proxy_cpu))
        except KeyboardInterrupt:
            say("interrupted: the table shows the rounds that are whole")
        finally:
            mock.stop()
            if spinner:
                spinner.stop()
    return {
        "date": datetime.date.today().isoformat(), "machine": machine.describe(),
        "version": version(taking), "notes": notes, "rounds": rounds,
        "peers": [("direct", "no proxy")] + [(peer.name, peer.title) for peer in taking],
    }


def one_round(options, taking, number, folder, load, mock, cpu):
    """All tests of all peers once. Every round begins with another peer."""
    # Memory hardly differs from round to round and takes long: once is enough.
    tests = [test for test in options.tests if test != "mem" or number == 0]
    found = {"direct": {}}
    for test in ("rr", "rate"):
        if test in tests:
            found["direct"][test] = measures.measure(test, load, None, mock.port, False)
    shift = number % max(1, len(taking))
    for peer in taking[shift:] + taking[:shift]:
        try:
            found[peer.name] = tested(peer, tests, folder, load, mock, cpu)
        except peers.NotStarted as problem:
            say(str(problem))
            continue
        figures = found[peer.name]
        shown = [f"{test} {figures[test]['cpu']:.1f}" for test in tests
                 if test != "mem" and figures.get(test)]
        say(f"  {peer.title}: {', '.join(shown)}")
    return found


def tested(peer, tests, folder, load, mock, cpu):
    """The figures of one peer in one round; a fresh process for memory."""
    figures = {}
    apart = ("mem", "loops")
    groups = [[test for test in tests if test not in apart]]
    groups += [[test] for test in apart if test in tests]
    if peer.name != "pinion":
        groups = [group for group in groups if group != ["loops"]]
    for group in groups:
        if not group:
            continue
        # Pinion has an event loop for each processor it may use.
        place = {cpu, load.cpu} if group == ["loops"] else cpu
        running = peer.start(folder, place, mock.port)
        figures.setdefault("start", running.start_time)
        try:
            for test in group:
                figures[test] = measures.measure(test, load, running, running.port, peer.slow)
        finally:
            running.stop()
    if figures.get("loops"):
        figures["loops"]["start"] = peers.start_with_routes(peer, folder, cpu, mock.port, 1000)
    return figures


def version(taking):
    """What Pinion says of itself."""
    for peer in taking:
        if peer.name.startswith("pinion"):
            done = subprocess.run([peer.program, "--version"], capture_output=True, text=True)
            return done.stdout.strip() or "of unknown version"
    return "not measured"


def keep(run):
    """Keeps the figures of a run beside the build."""
    folder = ROOT / ".build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.datetime.now():%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(run, indent=1))
    say(f"figures in {path}")


def joined(runs):
    """Several runs as one with all their rounds; they must be of one machine and version."""
    run = runs[-1]
    if len({(each["machine"], each["version"]) for each in runs}) > 1:
        sys.exit("the runs are of different machines or versions: they do not belong together")
    run["date"] = ", ".join(sorted({each["date"] for each in runs}))
    run["notes"] = sorted({note for each in runs for note in each["notes"]})
    known = [tuple(peer) for peer in run["peers"]]
    for other in runs[:-1]:
        known += [tuple(peer) for peer in other["peers"] if tuple(peer) not in known]
    run["peers"] = known
    run["rounds"] = [one for each in runs for one in each["rounds"]]
    return run


def write(run):
    """Writes the page and its chart."""
    (ROOT / "Docs/images").mkdir(parents=True, exist_ok=True)
    (ROOT / "Docs/benchmarks.md").write_text(report.markdown(run))
    if run["rounds"]:
        (ROOT / "Docs/images/benchmarks.svg").write_text(chart(run))
    say("wrote Docs/benchmarks.md" + (" and its chart" if run["rounds"] else ""))


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
