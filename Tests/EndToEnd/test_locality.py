# SPDX-License-Identifier: Apache-2.0
"""Near endpoints come first, others help out, and a drained region gets nothing new."""

import configuration
from chats import good
from children import wait_until
from configuration import ai_backend, model, policy, target
from wire import reply


def placed(name, *servers, **spec):
    """A Backend whose endpoints are in the places of `servers`: (upstream, region, zone)."""
    endpoints = [
        {
            "address": "127.0.0.1",
            "port": server.port,
            "labels": {"region": region, "zone": zone},
        }
        for server, region, zone in servers
    ]
    return {**ai_backend(name), "spec": {"dialect": "OpenAI", "endpoints": endpoints, **spec}}


def resources(near, far, away, **defaults):
    """A Mesh in zone eu-1a with a model in three places."""
    return [
        configuration.mesh(
            drainTimeout="2s",
            defaults={
                "locality": {"region": "eu-1", "zone": "eu-1a"},
                "slowStart": {"window": "1s"},
                **defaults,
            },
        ),
        placed("servers", (near, "eu-1", "eu-1a"), (far, "eu-1", "eu-1b"), (away, "us-1", "us-1a")),
        model("chat", target("servers")),
        policy("Backend", "servers", healthCheck={"path": "/health", "interval": "100ms",
               "timeout": "50ms", "unhealthyThreshold": 1, "healthyThreshold": 1}),
    ]


def chats(message, connection):
    """Answers chats, and health checks."""
    if message.method == "GET":
        return reply(b"ok")
    return good(message, connection)


def asked(server):
    """How many chats a server got."""
    return sum(message.method == "POST" for message in server.requests)


def test_the_zone_first_then_the_region_then_the_rest(start, serve):
    down = set()

    def place(name):
        def answer(message, connection):
            if message.method == "GET" and name in down:
                return reply(b"", "503 Service Unavailable")
            return chats(message, connection)

        return serve(answer)

    near, far, away = place("near"), place("far"), place("away")
    gateway = start(*resources(near, far, away), arguments=["--concurrency", "1"])

    def answers(server):
        before = asked(server)
        assert gateway.chat("chat")[0] == 200
        return asked(server) == before + 1

    assert all(answers(near) for _ in range(10))
    down.add("near")
    wait_until(lambda: answers(far), "the region to help out")
    assert all(answers(far) for _ in range(10))
    down.add("far")
    wait_until(lambda: answers(away), "the rest to help out")
    down.clear()
    wait_until(lambda: all(answers(near) for _ in range(5)), "the zone to come back")


def test_a_drained_region_gets_nothing_new(start, serve):
    near, far, away = serve(chats), serve(chats), serve(chats)
    gateway = start(*resources(near, far, away), arguments=["--concurrency", "1"])
    assert gateway.chat("chat")[0] == 200
    assert asked(near) == 1
    gateway.write(resources(near, far, away, drain={"regions": ["eu-1"]}))
    wait_until(lambda: gateway.chat("chat")[0] == 200 and asked(away) > 0, "the drain")
    before = asked(near), asked(far)
    for _ in range(10):
        assert gateway.chat("chat")[0] == 200
    assert (asked(near), asked(far)) == before
