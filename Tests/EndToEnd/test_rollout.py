# SPDX-License-Identifier: Apache-2.0
"""Rollouts: a canary takes over step by step, or goes back, against two real servers."""

import concurrent.futures
import json
import re

import pytest

from children import HOST, request, wait_until
from configuration import (
    PINION,
    ai_backend,
    backend,
    mesh,
    model,
    policy,
    resource,
    route,
    rule,
    target,
    to,
)
from pinion import run
from test_upgrade import upgradable  # noqa: F401
from wire import reply

TOKEN = "0123456789abcdef-rollout"
ENVIRONMENT = {"PINION_ADMIN_TOKEN": TOKEN}
QUICK = [{"weight": 20, "minRequests": 30}, {"weight": 50, "minRequests": 30}]


def rollout(name="chat", steps=QUICK, target_kind="Model", target_name="chat", **spec):
    """A Rollout of the model `chat` from `stable` to `canary`."""
    group = "pinion.dev" if target_kind == "Model" else "gateway.networking.k8s.io"
    reference = {"group": group, "kind": target_kind, "name": target_name}
    return resource(
        PINION,
        "Rollout",
        name,
        {
            "targetRef": reference,
            "stable": "stable",
            "canary": "canary",
            "steps": steps,
            **spec,
        },
    )


def model_of(stable, canary, **spec):
    """The model `chat` with both targets, and where its states are kept."""
    return [
        ai_backend("stable", stable.port),
        ai_backend("canary", canary.port),
        model(
            "chat",
            target("stable", weight=100, model="one"),
            target("canary", weight=0, model="two"),
            **spec,
        ),
    ]


class Rollout:
    """A gateway with a rollout, and those who look at it and steer it."""

    def __init__(self, gateway):
        self.gateway = gateway

    def command(self, *words):
        """`pinion rollout …`: exit status, standard output, standard error."""
        return run(
            "rollout",
            *words,
            "--admin",
            f"{HOST}:{self.gateway.admin}",
            environment=ENVIRONMENT,
        )

    def steer(self, *words):
        """The same, which must succeed: what it prints."""
        code, out, err = self.command(*words)
        assert code == 0, (out, err)
        return out

    def status(self, name="chat"):
        """How the rollout stands."""
        return json.loads(self.steer("status", name, "-o", "json"))

    def page(self, path):
        """A page of the admin port."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        status, _, body = request(self.gateway.admin, "GET", path, headers=headers)
        assert status == 200, body
        return body.decode()

    def metric(self, name, **labels):
        """The sum of the samples called `name` that carry `labels`."""
        total = 0
        for line in self.page("/metrics").splitlines():
            found = re.fullmatch(r"([\w:]+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name:
                carried = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                if labels.items() <= carried.items():
                    total += float(found[3])
        return total

    def send(self, count, headers=None):
        """`count` requests, four at a time: the model that answered each, or its status."""

        def one(number):
            fields = headers(number) if headers else None
            status, _, body = self.gateway.chat("chat", fields, max_tokens=1)
            return json.loads(body)["model"] if status == 200 else status

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, range(count)))

    def send_until(self, *phases, limit=4000, headers=None):
        """Requests until the rollout is in one of `phases`: what they were answered with."""
        answers = []
        while self.status()["phase"] not in phases:
            assert len(answers) < limit, (self.status(), answers[-20:])
            answers += self.send(40, headers)
        return answers


@pytest.fixture
def roll(start):
    """roll(*resources, arguments=()): a gateway with a token for whoever acts."""

    def make(*resources, arguments=()):
        return Rollout(start(*resources, environment=ENVIRONMENT, arguments=arguments))

    return make


def test_a_good_canary_takes_over(roll, simulate, tmp_path):
    stable, canary = simulate("one"), simulate("two")
    states = tmp_path / "states"
    at = roll(
        *model_of(stable, canary), rollout(), arguments=["--state-dir", str(states)]
    )
    begun = at.status()
    assert (begun["phase"], begun["step"], begun["weight"]) == ("Progressing", "1 of 2", 20)
    answers = at.send_until("Promoted")
    assert set(answers) == {"one", "two"}
    assert set(at.send(20)) == {"two"}
    ended = at.status()
    assert ended["weight"] == 100
    assert [entry["phase"] for entry in ended["history"]] == [
        "Promoted",
        "Progressing",
        "Progressing",
    ]
    assert "errors 0 % (stable 0 %)" in ended["reason"], ended["reason"]
    # Nothing was written into the configuration, and the log says what happened and why.
    assert '"weight": 0' in (at.gateway.folder / "mesh.yaml").read_text(encoding="utf-8")
    log = at.gateway.output()
    assert "rollout default/chat: Progressing, step 2 of 2, the canary gets 50 %" in log
    assert "rollout default/chat: Promoted, the canary gets 100 %" in log
    assert at.metric("pinion_rollout_weight_percent", rollout="default/chat") == 100
    assert at.metric("pinion_rollout_phase", phase="Promoted") == 1
    assert at.metric("pinion_rollout_changes_total", phase="Progressing") == 2
    assert at.metric("pinion_rollout_requests_total", arm="canary", result="error") == 0
    assert list(states.glob("*.rollout")) == [states / "default_chat.rollout"]


def test_an_erring_canary_goes_back_and_few_calls_fail(roll, simulate):
    stable, canary = simulate("one"), simulate("two")
    canary.set_faults(status=500)
    at = roll(*model_of(stable, canary), rollout(steps=[{"weight": 10, "hold": "1h"}]))
    answers = at.send_until("RolledBack")
    failed = [answer for answer in answers if answer not in ("one", "two")]
    assert 0 < len(failed) <= 30, len(failed)
    assert set(at.send(40)) == {"one"}
    ended = at.status()
    assert ended["weight"] == 0
    assert "errors" in ended["reason"] and "allowed is at most 1 point above stable" in (
        ended["reason"]
    )
    assert "rollout default/chat: RolledBack, the canary gets 0 %" in at.gateway.output()
    # It stays there: nobody tries it again.
    canary.set_faults()
    assert set(at.send(40)) == {"one"}
    code, _, err = at.command("promote", "chat")
    assert code == 1 and "it is over" in err and "pinion rollout restart" in err
    assert "Progressing, step 1 of 1, the canary gets 10 %" in at.steer("restart", "chat")


def test_a_restart_goes_on_at_its_step(roll, simulate, tmp_path):
    stable, canary = simulate("one"), simulate("two")
    states = ["--state-dir", str(tmp_path / "states")]
    steps = [{"weight": 20, "minRequests": 10}, {"weight": 60, "hold": "1h"}]
    resources = [*model_of(stable, canary), rollout(steps=steps)]
    first = roll(*resources, arguments=states)
    while first.status()["step"] != "2 of 2":
        first.send(40)
    sent = first.send(100)
    assert 30 <= sent.count("two") <= 90
    before = first.status()
    # Another process may not use the folder meanwhile.
    code, _, err = run(
        "up", "-f", first.gateway.folder, "--admin", f"{HOST}:0", *states
    )
    assert code == 2 and "another process uses it" in err, err
    first.gateway.end()

    second = roll(*resources, arguments=states)
    after = second.status()
    assert (after["step"], after["weight"]) == ("2 of 2", 60)
    assert after["history"] == before["history"]
    wait_until(lambda: second.status()["checks"], "the first look")
    known = {check["measure"]: check["samples"] for check in second.status()["checks"]}
    assert known["errors"] >= sent.count("two")
    assert 30 <= second.send(100).count("two") <= 90


def test_a_slow_canary_goes_back(roll, simulate):
    stable, canary = simulate("one"), simulate("two")
    canary.set_faults(delay_ms=300)
    latency = {"percentile": 50, "max": "200ms", "minSamples": 20}
    at = roll(
        *model_of(stable, canary),
        rollout(steps=[{"weight": 30, "hold": "1h"}], analysis={"latency": latency}),
    )
    answers = at.send_until("RolledBack")
    assert set(answers) == {"one", "two"}
    assert "latency p50" in at.status()["reason"]
    assert "at most 200 ms" in at.status()["reason"]
    assert set(at.send(40)) == {"one"}


def test_a_canary_that_cannot_be_reached_goes_back(roll, simulate):
    stable, canary = simulate("one"), simulate("two")
    canary.end()
    ejection = {"consecutiveFailures": 2, "baseEjectionTime": "60s"}
    at = roll(
        *model_of(stable, canary, fallbacks=[target("stable", model="one")]),
        policy("Backend", "canary", outlierDetection=ejection),
        rollout(steps=[{"weight": 30, "hold": "1h"}]),
    )
    # Fallbacks and ejection spare every caller, and hide nothing from the rollout.
    assert set(at.send_until("RolledBack")) == {"one"}
    assert at.metric("pinion_rollout_requests_total", arm="canary", result="error") >= 5


def test_people_have_the_last_word(roll, simulate):
    stable, canary = simulate("one"), simulate("two")
    steps = [{"weight": 20, "hold": "1h"}, {"weight": 60, "hold": "1h"}]
    at = roll(*model_of(stable, canary), rollout(steps=steps))
    assert "Paused, step 1 of 2, the canary gets 20 %: a person paused it" in at.steer(
        "pause", "chat"
    )
    code, _, err = at.command("pause", "default/chat")
    assert code == 1 and "it is paused already" in err
    assert at.status()["phase"] == "Paused"
    assert "two" in at.send(60)
    assert "Progressing, step 1 of 2" in at.steer("resume", "chat")
    assert "Progressing, step 2 of 2, the canary gets 60 %" in at.steer("promote", "chat")
    assert "two" in at.send(20)
    assert "Promoted, the canary gets 100 %" in at.steer("promote", "chat", "--full")
    assert set(at.send(20)) == {"two"}
    assert "Aborted, the canary gets 0 %" in at.steer("abort", "chat")
    assert set(at.send(20)) == {"one"}

    listing = at.steer("status").splitlines()
    assert listing[0].split() == [
        "ROLLOUT",
        "TARGET",
        "CANARY",
        "PHASE",
        "STEP",
        "WEIGHT",
        "HELD",
        "REASON",
    ]
    assert listing[1].split()[:5] == ["default/chat", "Model", "default/chat", "canary", "Aborted"]
    code, out, _ = run(
        "get", "rollouts", "--admin", f"{HOST}:{at.gateway.admin}", environment=ENVIRONMENT
    )
    assert code == 0 and out.splitlines() == listing
    text = at.steer("status", "chat")
    assert "Phase:    Aborted" in text and "a person aborted it" in text
    code, _, err = at.command("status", "other")
    assert code == 1 and "there is no rollout default/other; name one of: default/chat" in err
    code, _, err = at.command("abort", "a b\r\nx: y")
    assert code == 1 and "there is no rollout" in err

    # Who has no token may not act.
    port = at.gateway.admin
    assert request(port, "POST", "/rollouts/default/chat/restart")[0] == 401
    assert at.status()["phase"] == "Aborted"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert request(port, "POST", "/rollouts/default/chat/forget", headers=headers)[0] == 404
    assert request(port, "DELETE", "/rollouts/default/chat/abort", headers=headers)[0] == 405


def test_callers_move_to_the_canary_once(roll, simulate):
    stable, canary = simulate("one"), simulate("two")
    steps = [{"weight": weight, "hold": "1h"} for weight in (10, 30, 60)]
    at = roll(
        *model_of(stable, canary),
        policy("Model", "chat", sticky={"by": "request.headers['x-session-id']"}),
        rollout(steps=steps),
    )

    def everyone():
        return at.send(100, lambda number: {"x-session-id": f"session-{number}"})

    seen = [everyone()]
    for _ in range(3):
        at.steer("promote", "chat")
        seen.append(everyone())
    assert all(former.count("two") < later.count("two") for former, later in zip(seen, seen[1:]))
    for former, later in zip(seen, seen[1:]):
        assert all(new == "two" for old, new in zip(former, later) if old == "two")
    at.steer("restart", "chat")
    assert everyone() == seen[0]


def test_a_change_of_the_configuration_in_the_middle(roll, simulate):
    stable, canary = simulate("one"), simulate("two")
    steps = [{"weight": 20, "hold": "1h"}, {"weight": 50, "hold": "1h"}]
    at = roll(*model_of(stable, canary), rollout(steps=steps))

    def change(*resources):
        version = at.metric("pinion_snapshot_version")
        at.gateway.write(resources)
        wait_until(lambda: at.metric("pinion_snapshot_version") > version, "the change")

    at.steer("promote", "chat")
    # Anything else leaves it where it is.
    change(*model_of(stable, canary), rollout(steps=steps), mesh(drainTimeout="3s"))
    assert (at.status()["step"], at.status()["weight"]) == ("2 of 2", 50)
    # A wrong change does so too.
    rejected = at.metric("pinion_snapshot_rejected_total")
    at.gateway.write([*model_of(stable, canary), rollout(steps=steps, stable="nobody")])
    wait_until(
        lambda: at.metric("pinion_snapshot_rejected_total") > rejected, "the wrong change"
    )
    assert (at.status()["step"], at.status()["weight"]) == ("2 of 2", 50)
    # Another Rollout begins anew.
    steps[0]["weight"] = 10
    change(*model_of(stable, canary), rollout(steps=steps))
    assert (at.status()["step"], at.status()["weight"]) == ("1 of 2", 10)
    assert "its resource was changed, and it begins anew" in at.status()["reason"]
    # So does one whose canary is another model.
    at.steer("promote", "chat")
    other = model_of(stable, canary)
    other[2]["spec"]["targets"][1]["model"] = "three"
    change(*other, rollout(steps=steps))
    assert at.status()["step"] == "1 of 2"
    # Taken out, the weights are those that are written; back, it is where it was.
    at.steer("abort", "chat")
    change(*model_of(stable, canary))
    assert set(at.send(20)) == {"one"}
    assert at.command("status", "chat")[0] == 1
    change(*other, rollout(steps=steps))
    assert at.status()["phase"] == "Aborted"


def test_a_damaged_state_gives_the_canary_nothing(roll, simulate, tmp_path):
    stable, canary = simulate("one"), simulate("two")
    states = tmp_path / "states"
    resources = [
        *model_of(stable, canary),
        rollout(steps=[{"weight": 60, "hold": "1h"}]),
        mesh(drainTimeout="2s", stateDirectory=str(states)),
    ]
    first = roll(*resources)
    assert "two" in first.send(20)
    first.gateway.end()
    file = states / "default_chat.rollout"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])

    second = roll(*resources)
    status = second.status()
    assert (status["phase"], status["weight"]) == ("Unknown", 0)
    assert str(file) in status["reason"] and "damaged or cut off" in status["reason"]
    assert str(file) in second.gateway.output()
    assert set(second.send(20)) == {"one"}
    assert second.metric("pinion_rollout_state_failures_total") == 1
    # It is left as it is for who wants to look, until a person begins anew.
    assert file.read_bytes() == whole[: len(whole) // 2]
    assert "Progressing, step 1 of 1" in second.steer("restart", "chat")
    assert "two" in second.send(20)
    assert file.read_bytes() != whole[: len(whole) // 2]


def test_a_route_is_rolled_out_too(roll, serve):
    stable = serve(lambda *_: reply(b"one"))
    canary = serve(lambda *_: reply(b"two"))
    at = roll(
        backend("stable", stable.port),
        backend("canary", canary.port),
        route("site", rule(to("stable", weight=1), to("canary", weight=0))),
        rollout("site", target_kind="HTTPRoute", target_name="site"),
    )

    def until(phase):
        answers = []
        while at.status("site")["phase"] != phase:
            assert len(answers) < 4000, at.status("site")
            answers += [at.gateway.request("GET", "/")[::2] for _ in range(20)]
        return answers

    assert set(until("Promoted")) == {(200, b"one"), (200, b"two")}
    assert {at.gateway.request("GET", "/")[2] for _ in range(20)} == {b"two"}
    at.steer("restart", "site")
    canary.answer = lambda *_: reply(b"no", status="500 No")
    failed = [answer for answer in until("RolledBack") if answer[0] != 200]
    assert 0 < len(failed) <= 60
    assert {at.gateway.request("GET", "/")[2] for _ in range(20)} == {b"one"}


def test_an_upgrade_goes_on_at_its_step(upgradable, simulate, tmp_path):
    stable, canary = simulate("one"), simulate("two")
    steps = [{"weight": 20, "hold": "1h"}, {"weight": 60, "hold": "1h"}]
    gateway = upgradable(
        *model_of(stable, canary),
        rollout(steps=steps),
        mesh(drainTimeout="5s", upgradeTimeout="30s"),
        environment=ENVIRONMENT,
        arguments=["--state-dir", str(tmp_path / "states")],
    )
    at = Rollout(gateway)
    at.steer("promote", "chat")
    sent = at.send(60).count("two")
    gateway.upgrade()

    def known():
        checks = at.status()["checks"]
        return checks and checks[0]["samples"] >= sent > 0

    wait_until(known, "the counts of the former process")
    assert (at.status()["step"], at.status()["weight"]) == ("2 of 2", 60)
    assert "Promoted" in at.steer("promote", "chat")
    assert set(at.send(20)) == {"two"}


def test_recordings_know_what_the_canary_had(roll, simulate, tmp_path):
    stable, canary = simulate("one"), simulate("two")
    steps = [{"weight": 20, "hold": "1h"}, {"weight": 60, "hold": "1h"}]
    file = tmp_path / "recording"
    recording = {"perSecond": 100_000, "keep": 2000, "file": str(file)}
    at = roll(
        *model_of(stable, canary),
        rollout(steps=steps),
        mesh(drainTimeout="2s", recording=recording),
    )
    asked = len(at.send(30))
    at.steer("promote", "chat")
    asked += len(at.send(30))
    at.steer("abort", "chat")
    asked += len(at.send(30))
    at.gateway.end()
    code, out, err = run("replay", file)
    assert code == 0, (out, err)
    assert f"{asked} exchanges: {asked} equal to the bit" in out, out
    assert '"weight":60' in file.read_text(encoding="utf-8")
