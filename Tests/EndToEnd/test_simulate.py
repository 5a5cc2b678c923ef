# SPDX-License-Identifier: Apache-2.0
"""`pinion simulate`: what a person types, and what they get."""

import gzip
import json
import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import configuration
from pinion import BINARY, ROOT, run

EXAMPLE = ROOT / "Examples" / "simulate"
POISSON = "poisson:rate=20,input=~300,output=~20"

AZURE = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,480,10
2023-11-16 18:17:04.0319600,318,8
2023-11-16 18:17:06.0781490,110,27
"""
MOONCAKE = """\
{"timestamp": 0, "input_length": 1100, "output_length": 20, "hash_ids": [0, 1, 2]}
{"timestamp": 1500, "input_length": 1300, "output_length": 20, "hash_ids": [0, 1, 3]}
"""


def simulate(*arguments, config=EXAMPLE / "peak-ewma.yaml", fleet=EXAMPLE / "fleet.yaml"):
    """Exit status, standard output and standard error."""
    return run("simulate", "--config", config, "--fleet", fleet, *arguments, seconds=120)


def figures(*arguments, **options):
    """The machine-readable report."""
    code, output, errors = simulate(*arguments, "-o", "json", **options)
    assert code == 0, errors
    return json.loads(output)


def write(folder, *resources, name="mesh.yaml"):
    """A configuration with a Gateway, in `folder`."""
    file = folder / name
    file.write_text(configuration.text([configuration.gateway(8080), *resources]))
    return file


def fleet(folder, *servers, **spec):
    """A fleet file in `folder`."""
    document = configuration.resource(
        configuration.PINION, "Fleet", "test", {"servers": list(servers), **spec}
    )
    file = folder / "fleet.yaml"
    file.write_text(configuration.text([document]))
    return file


def test_the_example_shows_which_configuration_is_better(tmp_path):
    picture = tmp_path / "run.svg"
    code, output, errors = run(
        "simulate",
        "--config", EXAMPLE / "round-robin.yaml",
        "--against", EXAMPLE / "peak-ewma.yaml",
        "--fleet", EXAMPLE / "fleet.yaml",
        "--workload", "chat:users=100,turns=~5,think=5s,input=~100,output=~100,prefix=500",
        "--seconds", "6",
        "--chart", picture,
        seconds=120,
    )  # fmt: skip
    assert code == 0, errors
    assert "seed 1" in output
    assert "peak-ewma.yaml is better in " in output
    assert re.search(r"time to first token, p95 +\S+ \S+ +\S+ \S+ +-\d", output), output
    # The old card is spared by the second configuration.
    served = re.findall(r"10\.0\.0\.4:9101 +l4-8b +([\d,]+)", output)
    assert len(served) == 2
    assert int(served[0]) > 2 * int(served[1])
    root = ElementTree.parse(picture).getroot()
    assert root.tag.endswith("svg")
    assert "round-robin.yaml" in picture.read_text()


def test_figures_follow_from_the_seed():
    arguments = ("--workload", POISSON, "--seconds", "3")
    first = figures(*arguments)
    assert figures(*arguments) == first
    assert figures(*arguments, "--seed", "2") != first
    assert first["seed"] == 1
    seen = first["runs"][0]["figures"]
    assert 30 < seen["requests"] < 90
    assert seen["answered"] + seen["not_answered"] == seen["requests"]
    assert 0 < seen["ttft_p50_ms"] <= seen["ttft_p95_ms"] <= seen["ttft_p99_ms"]
    course = first["runs"][0]["course"]
    assert sum(course["sent"]) == seen["requests"]
    assert sum(server["answered"] for server in first["runs"][0]["servers"]) == seen["answered"]


def test_yaml_and_a_page_say_the_same(tmp_path):
    page = tmp_path / "run.html"
    code, output, errors = simulate(
        "--workload", POISSON, "--seconds", "2", "-o", "yaml", "--chart", page
    )
    assert code == 0, errors
    requests = re.search(r"^      requests: (\d+)$", output, re.MULTILINE)
    assert requests, output
    text = page.read_text()
    assert f"<td>requests</td><td>{requests[1]}</td>" in text
    assert "<svg" in text and "http-equiv" not in text and "<script" not in text


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("text", "count", "hits"),
    [(AZURE, 3, 0), (MOONCAKE, 2, 1024 / 2400)],
    ids=["azure", "mooncake"],
)
def test_traces_are_replayed(tmp_path, text, count, hits, packed):
    file = tmp_path / ("trace.gz" if packed else "trace")
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    mesh = write(
        tmp_path,
        configuration.ai_backend("servers", 9101),
        configuration.model("chat", configuration.target("servers")),
    )
    machines = fleet(tmp_path, {"backend": "servers", "profile": "h100-8b"})
    found = figures("--trace", file, config=mesh, fleet=machines)
    seen = found["runs"][0]["figures"]
    assert seen["answered"] == count
    assert abs(seen["cache_hit_ratio"] - hits) < 0.02
    assert any("does not say what prompts share" in note for note in found["notes"]) == (hits == 0)
    fast = figures("--trace", file, "--speed", "2", "--limit", "1", config=mesh, fleet=machines)
    assert fast["runs"][0]["figures"]["answered"] == 1


def test_names_are_given_addresses_and_faults_happen(tmp_path):
    mesh = write(
        tmp_path,
        configuration.resource(
            configuration.PINION,
            "Backend",
            "pool",
            {"dialect": "OpenAI", "dns": {"hostname": "pool.example", "port": 8000}},
        ),
        configuration.model("chat", configuration.target("pool")),
        configuration.policy("Model", "chat", retry={"attempts": 1}),
    )
    machines = fleet(
        tmp_path,
        {"backend": "pool", "profile": "h100-8b"},
        {
            "backend": "pool",
            "endpoint": "198.18.0.2:8000",
            "profile": "h100-8b",
            "faults": [{"kind": "errors", "status": 500, "at": "1s"}],
        },
        names=[{"hostname": "pool.example", "addresses": 3}],
    )
    found = figures("--workload", POISSON, "--seconds", "4", config=mesh, fleet=machines)
    servers = found["runs"][0]["servers"]
    assert [server["endpoint"] for server in servers] == [
        f"198.18.0.{n}:8000" for n in (1, 2, 3)
    ]
    failures = {entry["code"]: entry["count"] for entry in found["runs"][0]["failures"]}
    assert failures.get("status-500", 0) > 0, failures
    assert any("198.18.0.0/15" in note for note in found["notes"])


# Each mistake: the arguments behind configuration and fleet, the exit status, what is said.
MISTAKES = {
    "a kind nobody knows": (["--workload", "poison:rate=1"], 64, "did you mean `poisson`?"),
    "a key nobody knows": (["--workload", "poisson:rat=1"], 64, "character 9"),
    "no work": ([], 64, "--workload or a --trace"),
    "two kinds of work": (["--workload", POISSON, "--trace", "x"], 64, "either"),
    "speed without a trace": (["--workload", POISSON, "--speed", "2"], 64, "rate"),
    "no time": (["--workload", POISSON, "--seconds", "0"], 64, "--seconds"),
    "another picture": (["--workload", POISSON, "--chart", "a.png"], 64, ".svg or .html"),
    "an absent trace": (["--trace", "/absent"], 2, "/absent:1: no such file"),
    "an absent model": (["--workload", "poisson:rate=1,model=assistent"], 2, "`assistant`?"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_told_with_what_to_do(mistake):
    arguments, expected, message = mistake
    code, output, errors = simulate(*arguments)
    assert code == expected, errors
    assert message in errors
    assert output == ""


def test_a_trace_with_a_mistake_names_the_line(tmp_path):
    file = tmp_path / "trace.csv"
    file.write_text(AZURE + "yesterday,1,2\n")
    code, _, errors = simulate("--trace", file)
    assert code == 2
    assert f"{file}:5: `yesterday` is not a time; write it like" in errors


def test_a_trace_that_is_not_gzip_is_told(tmp_path):
    file = tmp_path / "trace.gz"
    file.write_bytes(b"\x1f\x8bnonsense")
    code, _, errors = simulate("--trace", file)
    assert code == 2
    assert "gzip cannot unpack" in errors


def test_all_mistakes_of_a_fleet_are_told_at_once(tmp_path):
    mesh = write(
        tmp_path,
        configuration.ai_backend("near", 9101, 9102),
        configuration.ai_backend("far", 9103),
        configuration.model(
            "chat", configuration.target("near", 1), configuration.target("far", 1)
        ),
    )
    machines = fleet(
        tmp_path,
        {"backend": "near", "profile": "mainframe"},
        {"backend": "near", "endpoint": "127.0.0.1:9999", "profile": "small"},
    )
    code, _, errors = simulate("--workload", POISSON, config=mesh, fleet=machines)
    assert code == 2
    assert "unknown profile `mainframe`" in errors and "`h100-8b`" in errors
    assert "endpoint `127.0.0.1:9103` of Backend `default/far` has no entry" in errors
    assert "nothing was simulated: 2 errors" in errors
    machines = fleet(
        tmp_path,
        {"backend": "*", "profile": "small"},
        {"backend": "near", "endpoint": "127.0.0.1:9999", "profile": "small"},
        names=[{"hostname": "pool.example", "addresses": 2}],
    )
    code, _, errors = simulate("--workload", POISSON, config=mesh, fleet=machines)
    assert code == 2
    assert "the entry for endpoint `127.0.0.1:9999` of backend `near` fits no endpoint" in errors
    assert "no Backend uses the name `pool.example`" in errors


def test_a_wrong_configuration_is_told_as_by_check(tmp_path):
    mesh = write(tmp_path, configuration.model("chat", configuration.target("absent")))
    code, _, errors = simulate("--workload", POISSON, config=mesh)
    assert code == 2
    assert re.search(r"mesh\.yaml:\d+:\d+: Model/chat: ", errors), errors


def test_a_fleet_is_no_resource():
    code, output, _ = run("check", "-f", EXAMPLE / "fleet.yaml")
    assert code == 2
    assert "pinion simulate --fleet" in output


def test_progress_is_shown_on_a_terminal_only():
    command = [
        BINARY, "simulate", "-c", EXAMPLE / "peak-ewma.yaml",
        "--fleet", EXAMPLE / "fleet.yaml", "--workload", POISSON, "--seconds", "20",
    ]  # fmt: skip
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs
    ) as child:
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 65536):
                seen += part
        except OSError:
            pass  # The other end is closed.
        assert b"requests" in child.stdout.read()
    os.close(ours)
    assert child.returncode == 0
    assert re.search(rb"\rpeak-ewma\.yaml \[#*\.*\] [\d.]+ of 20\.0 s, ", seen), seen
    _, _, errors = simulate("--workload", POISSON, "--seconds", "2")
    assert "\r" not in errors
    assert re.fullmatch(r"simulated \S+ s in \S+ s, \S+ times real time\n", errors), errors
