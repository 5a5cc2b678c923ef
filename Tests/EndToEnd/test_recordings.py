# SPDX-License-Identifier: Apache-2.0
"""Exchanges that are recorded: explained, replayed, and compared with another configuration."""

import http.client
import json
import re
import threading

from children import HOST, free_port, request
from configuration import (
    ai_backend,
    backend,
    gateway,
    mesh,
    model,
    path,
    policy,
    route,
    rule,
    target,
    text,
)
from pinion import run
from wire import reply

SECRET = "sk-never-to-be-seen"
JSON_BODY = {"content-type": "application/json", "authorization": f"Bearer {SECRET}"}
KEPT = {"perSecond": 100_000, "keep": 2000}


def chat(name="chat", **fields):
    """The body of a chat request."""
    messages = [{"role": "user", "content": "a private question"}]
    return json.dumps({"model": name, "messages": messages, "max_tokens": 4, **fields})


def mixed(first, second, dead, plain, weight=50, **recording):
    """Two model servers, one of which is not there, a plain upstream and a fallback."""
    return [
        mesh(drainTimeout="2s", recording={**KEPT, **recording}),
        ai_backend("pair", first, dead),
        ai_backend("other", second),
        model(
            "chat",
            target("pair", weight=weight, model="tiny"),
            target("other", weight=100 - weight, model="tiny"),
            fallbacks=[target("other", model="tiny")],
        ),
        policy(
            "Model",
            "chat",
            retry={"attempts": 3, "statuses": [429, 503], "backoff": {"base": "1ms"}},
        ),
        backend("plain", plain),
        route("site", rule("plain", matches=[path("/plain")])),
    ]


def traffic(port, number, seed):
    """`number` requests of all kinds on one connection after another."""
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    for turn in range(number):
        kind = (turn * 7 + seed) % 10
        headers = {**JSON_BODY, "x-request-id": f"caller-{seed}-{turn}"}
        if kind < 4:
            call = ("POST", "/v1/chat/completions", chat(stream=True), headers)
        elif kind < 6:
            call = ("POST", "/v1/chat/completions", chat(), headers)
        elif kind == 6:
            call = ("POST", "/plain/x?key=" + SECRET, "some body", headers)
        elif kind == 7:
            call = ("POST", "/v1/chat/completions", chat("missing"), headers)
        elif kind == 8:
            call = ("POST", "/v1/chat/completions", '{"model":', headers)
        else:
            call = ("GET", "/nowhere", None, headers)
        connection.request(*call)
        connection.getresponse().read()
    connection.close()


def recorded(gateway):
    """What the admin port has: configurations and exchanges."""
    status, _, body = request(gateway.admin, "GET", "/recordings")
    assert status == 200, body
    entries = [json.loads(line) for line in body.decode().splitlines()]
    assert entries[0] == {"format": "pinion-recording", "version": 1}
    return (
        [entry["configuration"] for entry in entries if "configuration" in entry],
        [entry["exchange"] for entry in entries if "exchange" in entry],
        body.decode(),
    )


def test_a_thousand_live_requests_are_replayed_to_the_bit(start, simulate, serve, tmp_path):
    sims = simulate("tiny"), simulate("tiny")
    plain = serve(lambda *_: reply(b"ok"))
    kept = tmp_path / "kept.jsonl"
    parts = (sims[0].port, sims[1].port, free_port(), plain.port)
    gateway = start(*mixed(*parts, file=str(kept)))
    sims[0].set_faults(fail_every=5)
    threads = [
        threading.Thread(target=traffic, args=(gateway.port, 125, seed)) for seed in range(8)
    ]
    for thread in threads[:4]:
        thread.start()
    gateway.write(mixed(*parts, weight=20, file=str(kept)))
    for thread in threads[4:]:
        thread.start()
    for thread in threads:
        thread.join()

    configurations, exchanges, body = recorded(gateway)
    assert len(exchanges) == 1000
    assert len(configurations) == 2
    assert any(len(entry["events"]) > 6 for entry in exchanges), "no retry among them"
    assert SECRET not in body
    assert "private question" not in body

    live = tmp_path / "live.jsonl"
    live.write_text(body, encoding="utf-8")
    status, out, err = run("replay", live, seconds=60)
    assert status == 0, (out, err)
    assert "1000 exchanges: 1000 equal to the bit, 0 different, 0 that could not" in out, out

    gateway.end()
    assert SECRET not in kept.read_text(encoding="utf-8")
    status, out, err = run("replay", kept, seconds=60)
    assert status == 0, (out, err)
    assert "1000 exchanges: 1000 equal to the bit" in out, out

    # One recording with another pick than the one that was made is told from the others.
    lines = body.splitlines()
    changed = next(
        number for number, line in enumerate(lines) if '"endpoint":"127.0.0.1:' in line
    )
    lines[changed] = re.sub(
        r'"endpoint":"127.0.0.1:\d+"', '"endpoint":"127.0.0.1:1"', lines[changed], count=1
    )
    live.write_text("\n".join(lines), encoding="utf-8")
    status, out, _ = run("replay", live, seconds=60)
    assert status == 1
    assert "999 equal to the bit, 1 different" in out, out


def test_another_configuration_is_compared_and_planned(start, simulate, serve, tmp_path):
    sims = simulate("tiny"), simulate("tiny")
    plain = serve(lambda *_: reply(b"ok"))
    parts = (sims[0].port, sims[1].port, free_port(), plain.port)
    running = start(*mixed(*parts))
    traffic(running.port, 100, 0)

    def written(name, resources):
        file = tmp_path / name
        file.write_text(text([gateway(running.port), *resources]), encoding="utf-8")
        return file

    admin = ("--admin", f"{HOST}:{running.admin}")
    same = written("same.yaml", mixed(*parts))
    status, out, err = run("plan", "-f", same, *admin)
    assert (status, out.strip()) == (0, "nothing would change"), (out, err)

    moved = written("moved.yaml", mixed(*parts, weight=0))
    status, out, err = run("plan", "-f", moved, *admin)
    assert status == 0, err
    assert "~ model default/chat: changed" in out, out
    assert "targets[0].weight: 50 -> 0" in out, out
    assert "sent to default/other as model tiny by route models instead of" in out, out
    found = re.search(r"(\d+) of 100 recorded requests would be treated differently", out)
    assert found and 10 < int(found[1]) < 60, out

    status, out, err = run("replay", "-f", moved, *admin)
    assert status == 0, err
    assert f"{found[1]} of 100 recorded requests" in out, out

    closed = written("closed.yaml", mixed(*parts)[:-1])
    status, out, _ = run("plan", "-f", closed, *admin, "-o", "json")
    rows = json.loads(out)
    assert {"removed", "requests"} <= {row["change"] for row in rows}, rows
    assert any(
        row["change"] == "removed" and row["name"] == "default/site" for row in rows
    ), rows
    assert any("refused with no-route" in row["details"] for row in rows), rows

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: Nothing\n", encoding="utf-8")
    status, out, err = run("plan", "-f", wrong, *admin)
    assert status == 2 and "wrong.yaml:1:" in err, (out, err)


def test_a_request_is_explained_by_its_id(start, simulate):
    sim = simulate("tiny")
    running = start(
        mesh(drainTimeout="2s"),
        ai_backend("first", free_port()),
        ai_backend("second", sim.port),
        model("chat", target("first"), fallbacks=[target("second", model="tiny")]),
    )
    status, headers, _ = running.chat("chat")
    assert status == 200
    admin = ("--admin", f"{HOST}:{running.admin}")
    status, out, err = run("explain", headers["x-request-id"], *admin)
    assert status == 0, err
    for part in (
        "rule 0 of route models takes the request",
        "attempt 1: backend default/first",
        "the attempt failed: connect",
        "fallback 0 of the model: backend default/second",
        "attempt 2: backend default/second",
        "picked",
        "status 200",
    ):
        assert part in out, (part, out)
    status, out, _ = run("explain", headers["x-request-id"], *admin, "-o", "json")
    assert status == 0 and json.loads(out)["children"], out
    status, _, err = run("explain", "no-such-id", *admin)
    assert status == 1 and "no exchange is recorded under no-such-id" in err, err


def test_a_request_that_was_never_sent_is_explained(tmp_path):
    file = tmp_path / "mesh.yaml"
    resources = [
        gateway(8080),
        ai_backend("first", 9001, 9002),
        model("chat", target("first")),
        backend("site", 9003),
        route("site", rule("site", matches=[path("/site")])),
    ]
    file.write_text(text(resources), encoding="utf-8")
    ask = ("explain", "-f", file, "--path", "/v1/chat/completions", "--model", "chat")
    status, out, err = run(*ask, "--stream", "--max-tokens", 7)
    assert status == 0, err
    assert "operation chat, model chat, streamed, at most 7 tokens" in out, out
    assert "candidate 127.0.0.1:9001" in out and "candidate 127.0.0.1:9002" in out, out
    assert run(*ask, "--stream", "--max-tokens", 7)[1].splitlines()[1:] == out.splitlines()[1:]
    status, out, _ = run("explain", "-f", file, "--path", "/sit")
    assert "refused: no-route" in out and "site rule 0 (path prefix /site): another path" in out
    status, _, err = run("explain", "-f", file, "--path", "/", "--port", 1)
    assert status == 1 and "no Gateway listens on port 1" in err, err
    status, _, err = run("explain", "-f", file, "--path", "/", "--header", "x: a\r\nb: c")
    assert status == 64 and "line break" in err, err


def test_what_is_no_recording_is_told_so(tmp_path):
    file = tmp_path / "other.jsonl"
    file.write_text('{"format":"pinion-recording","version":1}\n{"x":\n{}\n', encoding="utf-8")
    status, _, err = run("replay", file)
    assert status == 1 and f"{file}:2: this is no line of a recording" in err, err
    file.write_text('{"status":200}\n', encoding="utf-8")
    status, _, err = run("replay", file)
    assert status == 1 and f"{file}:1: " in err, err
    file.write_text('{"format":"pinion-recording","version":9}\n', encoding="utf-8")
    status, _, err = run("replay", file)
    assert status == 1 and "is not read by this version" in err, err
    status, _, err = run("replay", tmp_path / "none.jsonl")
    assert status == 1 and "no such file" in err, err
    status, _, err = run("replay", "--admin", f"{HOST}:{free_port()}")
    assert status == 1 and "no pinion answers on" in err, err


def test_two_runs_that_share_a_file_are_told_apart(start, simulate, tmp_path):
    sim, kept = simulate("tiny"), tmp_path / "kept.jsonl"
    for name in ("first", "second"):
        running = start(
            mesh(drainTimeout="2s", recording={"file": str(kept)}),
            ai_backend(name, sim.port),
            model("chat", target(name, model="tiny")),
        )
        assert running.chat("chat")[0] == 200
        running.end()
        # As a crash in the middle of a line would leave it.
        with kept.open("a", encoding="utf-8") as file:
            file.write('{"exchange":{"id":')
    status, out, err = run("replay", kept)
    assert status == 0 and "2 exchanges: 2 equal to the bit" in out, (out, err)
