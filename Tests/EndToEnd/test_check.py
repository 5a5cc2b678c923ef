# SPDX-License-Identifier: Apache-2.0
"""`pinion check` and `pinion schema`."""

import json
import re

import pytest

from pinion import ROOT, run

EXAMPLES = sorted(path.parent for path in (ROOT / "Examples").glob("*/mesh.yaml"))

GOOD = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: mesh
spec:
  gatewayClassName: pinion
  listeners:
    - name: http
      port: 8080
      protocol: HTTP
---
apiVersion: pinion.dev/v1alpha1
kind: Backend
metadata:
  name: servers
spec:
  dialect: OpenAI
  endpoints:
    - address: 127.0.0.1
      port: 9101
---
apiVersion: pinion.dev/v1alpha1
kind: Model
metadata:
  name: chat
spec:
  targets:
    - backendRef:
        name: servers
      weight: 1
"""

# Each mistake: what stands in GOOD, what is written instead, and the line that is at fault.
MISTAKES = {
    "a wrong type": ("port: 8080", "port: eighty", 9),
    "an unknown field": ("dialect: OpenAI", "dialct: OpenAI", 17),
    "a bad address": ("address: 127.0.0.1", "address: 300.1.1.1", 19),
    "a dangling reference": ("        name: servers", "        name: absent", 29),
    "a wrong weight": ("weight: 1", "weight: -1", 30),
}

POSITION = re.compile(r"^(\S+?):(\d+):(\d+): (.+)$", re.MULTILINE)


def check(tmp_path, text):
    """Exit status and diagnostics of `pinion check` on `text`: (line, column, message)."""
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    code, output, errors = run("check", "-f", file)
    found = [
        (int(line), int(column), message)
        for name, line, column, message in POSITION.findall(output + errors)
        if name.endswith("mesh.yaml")
    ]
    return code, found


def test_a_good_file_is_good(tmp_path):
    assert check(tmp_path, GOOD) == (0, [])


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_each_mistake_is_found_where_it_is(tmp_path, mistake):
    before, after, line = mistake
    assert before in GOOD
    code, found = check(tmp_path, GOOD.replace(before, after, 1))
    assert code == 2
    assert line in [entry[0] for entry in found], found
    assert all(column > 0 for _, column, _ in found)


def test_five_mistakes_are_all_found_at_once(tmp_path):
    text = GOOD
    for before, after, _ in MISTAKES.values():
        text = text.replace(before, after, 1)
    code, found = check(tmp_path, text)
    assert code == 2
    lines = {entry[0] for entry in found}
    assert lines >= {line for _, _, line in MISTAKES.values()}, found


def test_a_name_given_twice_is_found(tmp_path):
    documents = GOOD.split("---\n")
    code, found = check(tmp_path, "---\n".join([*documents, documents[1]]))
    assert code == 2
    assert any("servers" in message for _, _, message in found), found


def test_text_that_is_not_yaml_is_found(tmp_path):
    code, found = check(tmp_path, "kind: [\n")
    assert code == 2
    assert found


def test_a_missing_file_is_said_so(tmp_path):
    code, _, errors = run("check", "-f", tmp_path / "absent.yaml")
    assert code != 0
    assert "absent.yaml" in errors


def test_nothing_starts_with_mistakes(tmp_path):
    file = tmp_path / "mesh.yaml"
    file.write_text(GOOD.replace("port: 8080", "port: eighty"))
    code, _, errors = run("up", "-f", file)
    assert code == 2
    assert "mesh.yaml:9:" in errors


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_good(example):
    code, output, errors = run("check", "-f", example)
    assert code == 0, output + errors
    assert (example / "README.md").is_file()


def test_the_schema_is_json_schema():
    code, output, _ = run("schema")
    assert code == 0
    schema = json.loads(output)
    assert "$schema" in schema
    for kind in ("Gateway", "HTTPRoute", "Backend", "Model", "TrafficPolicy", "Mesh"):
        assert f'"{kind}"' in output
