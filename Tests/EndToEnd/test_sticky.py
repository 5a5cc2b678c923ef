# SPDX-License-Identifier: Apache-2.0
"""Callers keep their target of several, also when weights change."""

import json

from children import wait_until
from configuration import ai_backend, model, policy, target

SESSIONS = [f"session-{number}" for number in range(100)]


def mesh(stable, canary, weight):
    """A model of which `weight` percent go to the canary."""
    return [
        ai_backend("stable", stable.port),
        ai_backend("canary", canary.port),
        model(
            "assistant",
            target("stable", weight=100 - weight, model="one"),
            target("canary", weight=weight, model="two"),
        ),
        policy("Model", "assistant", sticky={"by": "request.headers['x-session-id']"}),
    ]


def answered_by(gateway, session):
    """The model that answers `session`; None for a caller that says nothing of itself."""
    headers = {"x-session-id": session} if session else {}
    status, _, body = gateway.chat("assistant", headers, max_tokens=1)
    assert status == 200, body
    return json.loads(body)["model"]


def everyone(gateway):
    """Who answers whom."""
    return {session: answered_by(gateway, session) for session in SESSIONS}


def unhealthy(gateway):
    """How many endpoints of the canary are out."""
    return gateway.metric("pinion_endpoints", backend="default/canary", state="unhealthy")


def test_a_caller_keeps_its_target_until_weights_move_it(start, simulate):
    stable, canary = simulate("one"), simulate("two")
    gateway = start(*mesh(stable, canary, 20), arguments=["--concurrency", "2"])
    first = everyone(gateway)
    assert everyone(gateway) == first
    assert 5 <= list(first.values()).count("two") <= 40

    # Another process, and so other seeds of chance.
    again = start(*mesh(stable, canary, 20))
    assert everyone(again) == first

    before = gateway.metric("pinion_snapshot_version")
    gateway.write(mesh(stable, canary, 50))
    wait_until(lambda: gateway.metric("pinion_snapshot_version") > before, "the new weights")
    wider = everyone(gateway)
    moved = [session for session in SESSIONS if first[session] != wider[session]]
    assert len(moved) >= 10
    assert all(first[session] == "one" for session in moved)

    # Callers who say nothing of themselves are shared out by chance.
    assert {answered_by(gateway, None) for _ in range(40)} == {"one", "two"}


def test_a_caller_whose_target_is_down_is_served_by_another(start, simulate):
    stable, canary = simulate("one"), simulate("two")
    health = {
        "path": "/health",
        "interval": "50ms",
        "unhealthyThreshold": 1,
        "healthyThreshold": 1,
    }
    resources = mesh(stable, canary, 50)
    gateway = start(*resources, policy("Backend", "canary", healthCheck=health))
    first = everyone(gateway)
    assert set(first.values()) == {"one", "two"}
    canary.set_faults(unhealthy=True)
    wait_until(lambda: unhealthy(gateway) == 1, "the canary to be out")
    assert set(everyone(gateway).values()) == {"one"}
    canary.set_faults()
    wait_until(lambda: unhealthy(gateway) == 0, "the canary to be back")
    assert everyone(gateway) == first
