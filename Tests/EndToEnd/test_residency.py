# SPDX-License-Identifier: Apache-2.0
"""ResidencyPolicies on real sockets: where labelled data goes, what is refused, proved and told."""

import json
import os

import pytest

from children import HOST, free_port, wait_until
from configuration import (
    GATEWAY_API,
    PINION,
    access_policy,
    ai_backend,
    backend,
    gateway,
    identity_provider,
    mesh,
    model,
    resource,
    route,
    rule,
    target,
    text,
    to,
)
from engines import HTTPAuthz
from pinion import run

PHI = {"x-data-label": "phi"}


def residency(label="phi", targets=(), **spec):
    """A ResidencyPolicy for `label`, whose data may go to eu-* unless told otherwise."""
    spec = {"label": label, "sources": [{"header": "x-data-label"}], **spec}
    spec.setdefault("allow", {"regions": ["eu-*"]})
    if targets:
        spec["targetRefs"] = [
            {
                "group": "pinion.dev" if kind == "Model" else "gateway.networking.k8s.io",
                "kind": kind,
                "name": name,
            }
            for kind, name in targets
        ]
    return resource(PINION, "ResidencyPolicy", f"residency-{label}", spec)


def placed(name, region, *ports, **spec):
    """A Backend of model servers in `region`."""
    return ai_backend(name, *ports, labels={"region": region}, **spec)


def receipts(proxy, count):
    """The receipts of the access log, once there are `count` of them."""
    return wait_until(
        lambda: (lambda found: found if len(found) >= count else None)(
            [r["residency"] for r in proxy.access_log() if "residency" in r]
        ),
        f"{count} receipts",
    )


def asked(*servers):
    """How many requests each server got."""
    return [len(server.requests()) for server in servers]


def test_fallbacks_stay_within_the_region(start, simulate):
    us, eu = simulate("tiny"), simulate("tiny")
    proxy = start(
        placed("down", "eu-1", free_port()),
        placed("us", "us-1", us.port),
        placed("eu", "eu-2", eu.port),
        model(
            "chat",
            target("down", model="tiny"),
            fallbacks=[target("us", model="tiny"), target("eu", model="tiny")],
        ),
        residency(),
    )
    assert proxy.chat("chat", max_tokens=1)[0] == 200
    assert asked(us, eu) == [1, 0]
    assert proxy.chat("chat", PHI, max_tokens=1)[0] == 200
    assert asked(us, eu) == [1, 1]
    # Streams are no way around it, nor is another spelling of the label.
    for headers in [{"X-Data-Label": " PHI "}, {"x-data-label": "phi,"}]:
        assert proxy.chat("chat", headers, stream=True, max_tokens=1)[0] == 200
    assert asked(us, eu) == [1, 3]
    hops = receipts(proxy, 3)[0]["hops"]
    assert [(h["kind"], h["region"], h["sent"]) for h in hops] == [
        ("first", "eu-1", False),
        ("fallback", "eu-2", True),
    ]


def test_with_no_place_left_it_is_refused_and_not_rerouted(start, simulate):
    us = simulate("tiny")
    proxy = start(
        placed("us", "us-1", us.port),
        model("chat", target("us", model="tiny"), fallbacks=[target("us")]),
        residency(),
    )
    status, headers, body = proxy.chat("chat", PHI)
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (403, "residency-denied")
    assert "default/us (region us-1 is not allowed, ResidencyPolicy default/residency-phi)" in (
        error["message"]
    )
    assert us.requests() == []
    assert receipts(proxy, 1)[0]["hops"] == []
    code, output, error = run(
        "explain", headers["x-request-id"], "--admin", f"{HOST}:{proxy.admin}"
    )
    assert code == 0, error
    assert "residency: it carries the data label phi, because of header x-data-label" in output


@pytest.mark.parametrize(
    "value", ["phii", "phi, other", "ph\u00ef", "phi;", "phi phi"], ids=repr
)
def test_a_label_that_nobody_knows_is_refused(start, simulate, value):
    eu = simulate("tiny")
    proxy = start(placed("eu", "eu-1", eu.port), model("chat", target("eu")), residency())
    status, _, body = proxy.chat("chat", {"x-data-label": value.encode("utf-8")})
    assert (status, json.loads(body)["error"]["code"]) == (403, "residency-denied")
    assert eu.requests() == []


def test_copies_stay_within_the_region(start, serve):
    eu, us = serve(), serve()
    copy = {"type": "RequestMirror", "requestMirror": {"backendRef": to("us")}}
    proxy = start(
        backend("eu", eu.port, labels={"region": "eu-1"}),
        backend("us", us.port, labels={"region": "us-1"}),
        route("web", rule("eu", filters=[copy])),
        residency(),
    )
    assert proxy.request("GET", "/open")[0] == 200
    wait_until(lambda: len(us.requests) == 1, "the copy")
    assert proxy.request("GET", "/secret", headers=PHI)[0] == 200
    assert proxy.request("GET", "/open")[0] == 200
    wait_until(lambda: len(us.requests) == 2, "the next copy")
    assert [seen.target for seen in us.requests] == ["/open", "/open"]


def test_a_reload_that_moves_a_backend_out_of_the_region_closes_it(start, simulate):
    server = simulate("tiny")

    def resources(region):
        return [
            placed("eu", "eu-1", free_port()),
            placed("moving", region, server.port),
            model("chat", target("moving", model="tiny")),
            residency(targets=[("Model", "chat")]),
        ]

    proxy = start(*resources("eu-2"))
    assert proxy.chat("chat", max_tokens=1)[0] == 200
    proxy.write(resources("us-1"))
    wait_until(lambda: proxy.chat("chat", max_tokens=1)[0] == 403, "the refusal")
    proxy.write(resources("eu-2"))
    wait_until(lambda: proxy.chat("chat", max_tokens=1)[0] == 200, "the answer")


def prove(folder, resources, *arguments):
    """`pinion prove residency` on `resources`."""
    path = folder / "mesh.yaml"
    path.write_text(text([gateway(8080), *resources]), encoding="utf-8")
    return run("prove", "residency", "-f", path, *arguments)


def test_a_planted_fallback_across_regions_is_caught(tmp_path):
    def resources(*fallbacks):
        return [
            placed("frankfurt", "eu-1", 9001),
            placed("dublin", "eu-2", 9002),
            placed("us-east", "us-east-1", 9003),
            model("x", target("frankfurt"), fallbacks=[target(name) for name in fallbacks]),
            model("y", target("dublin")),
            residency(),
        ]

    # Without a use of us-east the check warns, but the proof stands.
    code, output, error = prove(tmp_path, resources("dublin"))
    assert code == 0, output + error
    assert "proved: 3 paths of 1 data label, and each leads where the data may be" in output
    code, output, error = prove(tmp_path, resources("dublin", "us-east"))
    assert code == 1
    for line in [
        "counter-example: phi leaves the places that it may be in",
        "→ listener default/mesh/http",
        "→ Model default/x (`x`)",
        "→ fallback 1 of Model default/x: backend default/us-east",
        "→ endpoint 127.0.0.1:9003 (region us-east-1)",
        "region us-east-1 is not allowed by ResidencyPolicy default/residency-phi.",
        "not proved: 1 of 4 paths leads where the data may not be; proxies refuse to go it",
    ]:
        assert line in output, output
    code, output, _ = prove(tmp_path, resources("us-east"), "--rely-on-filter")
    assert code == 0 and "proxies refuse to go the other 1" in output
    code, output, _ = prove(tmp_path, resources("us-east"), "-o", "json")
    found = json.loads(output)
    assert code == 1 and not found["proved"] and found["stoppedCount"] == 1
    assert found["counterexamples"][0]["verdict"] == "stopped"


def test_a_way_without_the_label_is_an_escape_that_no_filter_stops(tmp_path):
    other = resource(
        GATEWAY_API,
        "Gateway",
        "other",
        {
            "gatewayClassName": "pinion",
            "listeners": [{"name": "http", "port": 8081, "protocol": "HTTP"}],
        },
    )
    resources = [
        other,
        placed("eu", "eu-1", 9001),
        placed("us", "us-1", 9002),
        model("chat", target("eu"), fallbacks=[target("us")]),
        residency(sources=[], targets=[("Gateway", "mesh")]),
    ]
    code, output, _ = prove(tmp_path, resources, "--rely-on-filter")
    assert code == 1
    assert "listener default/other/http" in output
    assert "this way does not give the label" in output


def test_names_that_nobody_resolved_are_proved_by_what_backends_say(tmp_path):
    def resources(region):
        cloud = resource(
            PINION,
            "Backend",
            "cloud",
            {
                "dialect": "OpenAI",
                "url": "https://api.example.com/v1",
                "labels": {"region": region},
            },
        )
        return [cloud, model("chat", target("cloud")), residency()]

    assert prove(tmp_path, resources("eu-west"))[0] == 0
    code, output, _ = prove(tmp_path, resources("us-west"))
    assert code == 1 and "endpoint api.example.com:443 (region us-west)" in output


def test_what_runs_can_be_proved_and_nothing_is_no_proof(start, tmp_path):
    proxy = start(placed("eu", "eu-1", 9001), model("chat", target("eu")), residency())
    code, output, error = run("prove", "residency", "--admin", f"{HOST}:{proxy.admin}")
    assert code == 0 and "proved: 1 path" in output, output + error
    code, output, _ = prove(tmp_path, [ai_backend("eu", 9001), model("chat", target("eu"))])
    assert code == 1 and "nothing to prove" in output
    code, _, error = prove(tmp_path, [residency(allow={})])
    assert code == 2 and "nothing says where the data may go" in error


def test_access_rules_can_speak_of_labels_and_places(start, simulate):
    server = simulate("tiny")
    access = access_policy(
        "Model",
        "chat",
        ("r", "deny", "'phi' in data.labels && ai.stream"),
        ("s", "require", "destination.region == 'eu-1'"),
    )
    proxy = start(
        placed("eu", "eu-1", server.port),
        model("chat", target("eu", model="tiny")),
        residency(),
        access,
    )
    assert proxy.chat("chat", PHI, max_tokens=1)[0] == 200
    assert proxy.chat("chat", stream=True, max_tokens=1)[0] == 200
    assert proxy.chat("chat", PHI, stream=True, max_tokens=1)[0] == 403


@pytest.mark.parametrize("given", ["header", "expression", "model"])
def test_each_way_of_giving_a_label_holds(start, simulate, given):
    eu, us = simulate("tiny"), simulate("tiny")
    spec = {
        "header": {},
        "expression": {
            "sources": [{"expression": "ai.model == 'chat' && ai.max_tokens > 1"}]
        },
        "model": {"sources": [], "targets": [("Model", "chat")]},
    }[given]
    proxy = start(
        placed("us", "us-1", us.port),
        placed("eu", "eu-1", eu.port),
        model(
            "chat",
            target("us", weight=1000, model="tiny"),
            target("eu", weight=1, model="tiny"),
        ),
        residency(**spec),
    )
    for _ in range(5):
        assert proxy.chat("chat", PHI, max_tokens=2)[0] == 200
    assert asked(us, eu) == [0, 5]


def spread(us, eu):
    """A Model of which nearly all requests go to `us` when they may."""
    return [
        placed("us", "us-1", us.port),
        placed("eu", "eu-1", eu.port),
        model(
            "chat",
            target("us", weight=1000, model="tiny"),
            target("eu", weight=1, model="tiny"),
        ),
    ]


def test_a_claim_of_a_token_gives_a_label(start, simulate, issue):
    us, eu, issuer = simulate("tiny"), simulate("tiny"), issue()
    jwt = {"issuer": issuer.url, "audiences": ["mesh"]}
    proxy = start(
        *spread(us, eu),
        identity_provider("Gateway", "corp", "mesh", jwt=jwt),
        residency(sources=[{"expression": "jwt.claims.data"}]),
    )
    for _ in range(5):
        shown = {"authorization": f"Bearer {issuer.token(data='phi')}"}
        assert proxy.chat("chat", shown, max_tokens=2)[0] == 200
    assert asked(us, eu) == [0, 5]
    # A token that says nothing of its data may be about anything.
    shown = {"authorization": f"Bearer {issuer.token()}"}
    assert proxy.chat("chat", shown, max_tokens=2)[0] == 200
    assert asked(us, eu) == [0, 6]


def test_an_embedding_goes_where_its_text_may(start, simulate):
    us, eu = simulate("tiny"), simulate("tiny")
    proxy = start(*spread(us, eu), residency())
    body = json.dumps({"model": "chat", "input": "a patient"})
    fields = {"content-type": "application/json"}
    for _ in range(5):
        assert proxy.request("POST", "/v1/embeddings", body, {**PHI, **fields})[0] == 200
    assert asked(us, eu) == [0, 5]
    for _ in range(5):
        assert proxy.request("POST", "/v1/embeddings", body, fields)[0] == 200
    assert asked(us, eu)[0] > 0


def report(proxy, folder, *arguments):
    """`pinion report residency` on the access log of `proxy`."""
    log = folder / "access.log"
    log.write_text(proxy.output(), encoding="utf-8")
    return run("report", "residency", *arguments, log)


def test_reports_say_whether_labelled_data_left(start, simulate, tmp_path):
    eu, us = simulate("tiny"), simulate("tiny")
    proxy = start(
        ai_backend("eu", eu.port, labels={"region": "eu-1", "jurisdiction": "EU"}),
        ai_backend("us", us.port, labels={"region": "us-1", "jurisdiction": "US"}),
        model("chat", target("eu", model="tiny")),
        model("free", target("us", model="tiny")),
        residency(),
        residency("open", allow={"anywhere": True}),
    )
    for name, label in [("chat", "phi"), ("chat", "phi"), ("free", "phi"), ("free", "open")]:
        proxy.chat(name, {"x-data-label": label}, max_tokens=1)
    proxy.chat("free", max_tokens=1)
    receipts(proxy, 4)
    code, output, error = report(
        proxy, tmp_path, "--since", "90d", "--label", "phi", "--outside", "EU"
    )
    assert code == 0, output + error
    # Ninety days ago there was no mesh, and no record of what happened then.
    assert (
        "answer: not known; as far as these records tell, no data of label phi went outside of EU"
        in output
    )
    assert "3 labelled requests, 1 refused for want of a place, 0 hops not made" in output
    assert "nothing is known of the time between" in output
    code, output, _ = report(proxy, tmp_path, "--inside", "US", "-o", "json")
    found = json.loads(output)
    assert code == 1 and found["found"] == 1 and found["requests"] == 4
    assert found["findings"][0]["labels"] == ["open"]
    assert found["findings"][0]["region"] == "us-1"
    # A line that was cut off is no answer.
    with open(tmp_path / "access.log", "a", encoding="utf-8") as log:
        log.write('{"time":"2026-01-01T00:00:00.000Z","residency":{"labels":["phi"]')
    code, output, _ = run("report", "residency", tmp_path / "access.log")
    assert code == 1 and "1 line with a receipt cannot be read" in output


def test_reports_know_what_they_cannot_know(start, simulate, tmp_path):
    eu = simulate("tiny")
    proxy = start(
        ai_backend("eu", eu.port, labels={"region": "eu-1", "jurisdiction": "EU"}),
        model("chat", target("eu", model="tiny")),
        residency(),
    )
    for _ in range(2):
        assert proxy.chat("chat", PHI, max_tokens=1)[0] == 200
    receipts(proxy, 2)
    code, output, _ = report(proxy, tmp_path, "--label", "phi", "--outside", "EU")
    assert code == 0 and "answer: no data of label phi went outside of EU" in output
    log = tmp_path / "access.log"
    gap = (
        '{"time":"2026-01-01T00:00:09.000Z","residency_gap":'
        '{"records":3,"since":"2026-01-01T00:00:05.000Z"}}\n'
    )
    log.write_text(gap + proxy.output(), encoding="utf-8")
    code, output, _ = run("report", "residency", "--outside", "EU", log)
    assert code == 1
    assert "records missing: 3 receipts could not be written" in output
    assert "answer: not known" in output
    # A gap before the time that is asked about is no matter.
    code, output, _ = run(
        "report", "residency", "--since", "2026-01-01T00:00:10Z", "--outside", "EU", "-o", "json",
        log,
    )
    found = json.loads(output)
    assert code == 0 and found["missing"] == 0 and found["complete"] is True


def test_labelled_data_waits_while_receipts_cannot_be_written(start, simulate, tmp_path):
    eu = simulate("tiny")
    log = tmp_path / "receipts"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    try:
        proxy = start(
            placed("eu", "eu-1", eu.port),
            model("chat", target("eu", model="tiny")),
            residency(),
            mesh(accessLog={"output": "file", "path": str(log)}, drainTimeout="2s"),
            # Each event loop learns of it with what it writes next.
            arguments=["--concurrency", "1"],
        )
        assert proxy.chat("chat", PHI, max_tokens=1)[0] == 200
        wait_until(lambda: b'"residency"' in os.read(reader, 1 << 20), "the receipt")
    finally:
        # Nobody reads any more, so nothing can be written.
        os.close(reader)
    wait_until(lambda: proxy.chat("chat", PHI, max_tokens=1)[0] == 503, "the refusal")
    status, _, body = proxy.chat("chat", PHI, max_tokens=1)
    assert status == 503
    error = json.loads(body)["error"]
    assert error["code"] == "residency-denied" and "receipt" in error["message"]
    sent = len(eu.requests())
    # What carries no label goes on.
    assert proxy.chat("chat", max_tokens=1)[0] == 200
    assert len(eu.requests()) == sent + 1
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    try:
        wait_until(lambda: proxy.chat("chat", PHI, max_tokens=1)[0] == 200, "the receipts")
        told = bytearray()

        def gap():
            try:
                told.extend(os.read(reader, 1 << 20))
            except BlockingIOError:
                pass
            return b"residency_gap" in told

        wait_until(gap, "the gap")
    finally:
        os.close(reader)


@pytest.fixture
def reader():
    """reader(labels): a classifier that finds the labels `labels(text)`."""
    made = []

    def make(labels):
        def verdict(handler, body):
            return 200, [("content-type", "application/json")], labels(body)

        class Reader(HTTPAuthz):
            def decide(self, handler, body):
                self.asked.append((handler.command, handler.path, body))
                return verdict(handler, body)

        made.append(Reader(None))
        return made[-1]

    yield make
    for server in made:
        server.end()


def test_a_classifier_reads_the_text_and_decides_where_it_goes(start, simulate, reader):
    us, eu = simulate("tiny"), simulate("tiny")

    def labels(body):
        if b"broken" in body:
            return b"{}"
        if b"stranger" in body:
            return b'{"labels":["pii"]}'
        return b'{"labels":["phi"]}' if b"patient" in body else b'{"labels":[]}'

    service = reader(labels)
    classifier = {
        "backendRef": {"name": "reader"},
        "path": "/labels",
        "timeout": "2s",
        "cache": {"ttl": "1h"},
    }
    resources = [
        placed("us", "us-1", us.port),
        placed("eu", "eu-1", eu.port),
        backend("reader", service.port, labels={"region": "eu-2"}),
        model("chat", target("us", model="tiny"), fallbacks=[target("eu", model="tiny")]),
        residency(sources=[{"classifier": classifier}]),
    ]
    proxy = start(*resources, arguments=["--concurrency", "1"])

    def chat(text):
        messages = [{"role": "user", "content": text}]
        body = json.dumps({"model": "chat", "messages": messages, "max_tokens": 1})
        return proxy.request(
            "POST", "/v1/chat/completions", body, {"content-type": "application/json"}
        )

    assert chat("the weather")[0] == 200
    assert asked(us, eu) == [1, 0]
    assert chat("a patient with a cough")[0] == 200
    assert asked(us, eu) == [1, 1]
    method, path, body = service.asked[1]
    assert (method, path) == ("POST", "/labels")
    assert json.loads(body)["messages"][0]["content"] == "a patient with a cough"
    # Remembered by the text; a failure is not, and counts as labelled.
    assert chat("a patient with a cough")[0] == 200
    assert len(service.asked) == 2 and asked(us, eu) == [1, 2]
    assert chat("broken")[0] == 200 and chat("broken")[0] == 200
    assert len(service.asked) == 4 and asked(us, eu) == [1, 4]
    status, _, body = chat("stranger")
    assert status == 403 and json.loads(body)["error"]["code"] == "residency-denied"
    hops = receipts(proxy, 4)[0]["hops"]
    assert [(h["kind"], h["region"]) for h in hops] == [
        ("classifier", "eu-2"), ("fallback", "eu-1"),
    ]
    # It does not answer: everything is labelled.
    service.delay = 4
    assert chat("the weather today")[0] == 200
    assert asked(us, eu) == [1, 5]
    resources[2]["spec"]["labels"]["region"] = "us-1"
    proxy.write(resources)
    code, output, _ = run("prove", "residency", "-f", proxy.folder, "--paths")
    assert code == 1 and "text for classifier default/reader" in output


def test_collections_of_a_vector_store_are_labelled(start, serve):
    eu, us = serve(), serve()
    proxy = start(
        backend("store", us.port, labels={"region": "us-1"}),
        route("vectors", rule("store")),
        residency(sources=[{"collections": ["patients", "wards-*"]}]),
    )
    assert proxy.request("POST", "/collections/open/points/search", b"{}")[0] == 200
    for path in ["/collections/patients/points/search", "/collections/w%61rds-3/points"]:
        status, _, body = proxy.request("POST", path, b"{}")
        assert (status, json.loads(body)["code"]) == (403, "residency-denied")
    assert [seen.target for seen in us.requests] == ["/collections/open/points/search"]
    proxy.write(
        [
            backend("store", eu.port, labels={"region": "eu-1"}),
            route("vectors", rule("store")),
            residency(sources=[{"collections": ["patients", "wards-*"]}]),
        ]
    )
    wait_until(
        lambda: proxy.request("POST", "/collections/patients/points/search", b"{}")[0] == 200,
        "the reload",
    )
    receipt = receipts(proxy, 3)[-1]
    assert receipt["labels"] == ["phi"] and receipt["hops"][0]["region"] == "eu-1"
