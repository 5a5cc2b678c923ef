# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios and goals from the rounds of a run.

A run is a list of rounds; a round maps a peer's name to a map of test to figures.
"""

import statistics


def values(rounds, peer, test, figure):
    """One figure of a peer in every round that has it."""
    found = [(one.get(peer) or {}).get(test) or {} for one in rounds]
    return [figures[figure] for figures in found if figures.get(figure) is not None]


def median(rounds, peer, test, figure):
    """The median over the rounds; None when no round has it."""
    found = values(rounds, peer, test, figure)
    return statistics.median(found) if found else None


def deviation(rounds, peer, test, figure):
    """The median distance from the median: how much the rounds differ."""
    found = values(rounds, peer, test, figure)
    if not found:
        return None
    middle = statistics.median(found)
    return statistics.median(abs(value - middle) for value in found)


def ratio(rounds, peer, others, test, figure, other_test=None):
    """The median over the rounds of a peer's figure to the best of others in the same round, in
    the same test or in another."""
    found = []
    for one in rounds:
        own = values([one], peer, test, figure)
        rest = [
            value for other in others
            for value in values([one], other, other_test or test, figure)]
        if own and rest and min(rest) > 0:
            found.append(own[0] / min(rest))
    return statistics.median(found) if found else None


def scaling(rounds):
    """How many requests two event loops can do for each that one can, by their CPU time."""
    found = ratio(rounds, "pinion", ["pinion"], "rr", "cpu", "loops")
    return 2 * found if found else None


#: What Pinion must reach: text, peer, test, figure, those it is compared with, the most.
GOALS = [
    ("plain proxying, CPU", "pinion", "rr", "cpu", ["envoy"], 0.40),
    ("plain proxying, CPU", "pinion", "rr", "cpu", ["haproxy", "nginx"], 0.95),
    ("AI call, everything on, CPU", "pinion-ai", "rr", "cpu", ["envoy"], 0.60),
    ("AI call, everything on, CPU", "pinion-ai", "rr", "cpu", ["envoy-ai"], 0.35),
    ("AI call, everything on, CPU", "pinion-ai", "rr", "cpu", ["aigw"], 0.07),
    ("AI call, everything on, CPU", "pinion-ai", "rr", "cpu", ["litellm"], 0.003),
    ("event of 200 streams with usage, CPU", "pinion-ai", "sse", "cpu", ["envoy"], 0.65),
    ("event of 200 streams with usage, CPU", "pinion-ai", "sse", "cpu",
     ["haproxy", "nginx"], 1.0),
    ("event of 1,000 streams with usage, CPU", "pinion-ai", "ssehi", "cpu", ["envoy"], 0.65),
    ("event of 1,000 streams with usage, CPU", "pinion-ai", "ssehi", "cpu",
     ["haproxy", "nginx"], 1.0),
    ("latency at 2,000 a second, p50", "pinion", "rate", "p50",
     ["envoy", "haproxy", "nginx"], 1.0),
    ("latency at 2,000 a second, p99", "pinion", "rate", "p99",
     ["envoy", "haproxy", "nginx"], 1.0),
]


def goals(rounds):
    """Each goal that the run can judge: text, others, the most, what was found."""
    judged = []
    for text, peer, test, figure, others, most in GOALS:
        found = ratio(rounds, peer, others, test, figure)
        if found is not None:
            judged.append((text, others, most, found))
    return judged


def memory_goals(rounds):
    """The same for memory: text, the most in MB, what was found."""
    def figure(name):
        return median(rounds, "pinion-ai", "mem", name)

    idle = figure("idle")
    if idle is None:
        return []
    return [
        ("memory at rest", 20, idle),
        ("1,000 idle connections add", 6, figure("connections") - idle),
        ("1,000 open streams add", 20, figure("streams") - idle),
        ("after the burst, over memory at rest", idle * 0.10, figure("after") - idle),
    ]
