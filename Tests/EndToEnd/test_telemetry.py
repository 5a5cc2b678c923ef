# SPDX-License-Identifier: Apache-2.0
"""What the mesh says about what it did."""

import json

import pytest

from children import free_port, wait_until
from configuration import ai_backend, backend, model, route, rule, target
from wire import reply

SECRET = "canary-prompt-91c2"


@pytest.fixture
def gateway(start, simulate, serve):
    """A gateway with a model, a route, and a backend that is down."""
    sim = simulate("tiny")
    return start(
        ai_backend("servers", sim.port, provider="vllm"),
        model("chat", target("servers", model="tiny")),
        backend("plain", serve(lambda *_: reply(b"ok")).port),
        backend("down", free_port()),
        route("site", rule("plain"), hostnames=["site.test"]),
        route("broken", rule("down"), hostnames=["broken.test"]),
    )


def test_one_record_is_written_for_each_exchange(gateway):
    gateway.chat("chat", max_tokens=3)
    gateway.request("GET", "/a?token=query-canary", headers={"Host": "site.test"})
    gateway.request("GET", "/", headers={"Host": "broken.test"})
    records = wait_until(
        lambda: len(found := gateway.access_log()) >= 3 and found, "three records"
    )
    assert [record["status"] for record in records] == [200, 200, 503]
    assert [record.get("error_code") for record in records] == [None, None, "upstream-unreachable"]
    assert len({record["request_id"] for record in records}) == 3
    assert records[1]["path"] == "/a"
    assert "query-canary" not in json.dumps(records)


def test_bodies_and_credentials_are_never_written(gateway):
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": SECRET}]})
    headers = {"content-type": "application/json", "authorization": f"Bearer {SECRET}"}
    assert gateway.request("POST", "/v1/chat/completions", body, headers)[0] == 200
    wait_until(gateway.access_log, "the record")
    assert SECRET not in gateway.output()


def test_requests_are_counted_by_backend_and_status(gateway):
    for _ in range(3):
        gateway.request("GET", "/", headers={"Host": "site.test"})
    gateway.request("GET", "/", headers={"Host": "broken.test"})

    def counted():
        samples = [entry for entry in gateway.metrics() if entry[0] == "pinion_requests_total"]
        return sorted((labels["code"], labels.get("error_code"), n) for _, labels, n in samples)

    expected = [("200", None, 3), ("503", "upstream-unreachable", 1)]
    wait_until(lambda: counted() == expected, f"{expected} in the metrics", seconds=2)
    assert gateway.metric("pinion_refusals_total", code="upstream-unreachable") == 1
    assert gateway.metric("http_server_request_duration_seconds_count") == 4


def test_a_name_that_a_caller_makes_up_becomes_no_label(gateway):
    for number in range(20):
        gateway.chat(f"made-up-{number}")
    assert "made-up" not in json.dumps([labels for _, labels, _ in gateway.metrics()])


def test_the_time_to_the_first_token_is_measured(gateway):
    gateway.chat("chat", stream=True, max_tokens=5)
    name = "gen_ai_server_time_to_first_token_seconds_count"
    labels = {"gen_ai_request_model": "chat", "gen_ai_provider_name": "vllm"}
    wait_until(lambda: gateway.metric(name, **labels) == 1, name, seconds=2)
