# SPDX-License-Identifier: Apache-2.0
"""Evidence about endpoints: what opens and shuts them for labelled data, while requests run."""

import base64
import json
import os
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from children import HOST, request, wait_until
from configuration import PINION, ai_backend, model, resource, target
from pinion import run

PHI = {"x-data-label": "phi"}


class Verifier:
    """Somebody who signs statements about machines."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def key_file(self):
        """The file with the public key."""
        numbers = self.key.public_key().public_numbers()
        parts = [
            base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
            for number in (numbers.x, numbers.y)
        ]
        key = {"kty": "EC", "crv": "P-256", "kid": "k", "x": parts[0], "y": parts[1]}
        path = self.folder / "keys.json"
        path.write_text(json.dumps({"keys": [key]}), encoding="utf-8")
        return path

    def file(self, name):
        """Where the statement `name` lies."""
        return self.folder / f"{name}.jwt"

    def attest(self, name, seconds=3600, **claims):
        """Writes a statement that holds for so long, in one step."""
        now = int(time.time())
        claims = {
            "iss": "https://verifier.test",
            "jti": name,
            "iat": now - 5,
            "exp": now + seconds,
            "dbgstat": "disabled",
            "launch": "aa11",
            **claims,
        }
        token = jwt.encode(claims, self.key, "ES256", headers={"kid": "k", "typ": "eat+jwt"})
        draft = self.folder / "draft"
        draft.write_text(token, encoding="utf-8")
        os.replace(draft, self.file(name))
        return self.file(name)


@pytest.fixture
def verifier(tmp_path):
    """A verifier with a folder of its own."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    return Verifier(folder)


def resources(verifier, *names_and_ports):
    """A model on attested Backends, and a policy that asks for the evidence."""
    spec = {
        "issuer": "https://verifier.test",
        "jwksFile": str(verifier.key_file),
        "require": "claims.dbgstat == 'disabled'",
        "measurements": "claims.launch",
    }
    demand = {"verifiers": ["site"], "measurements": ["aa11"]}
    names = [name for name, _ in names_and_ports]
    return [
        resource(PINION, "AttestationVerifier", "site", spec),
        *(
            ai_backend(
                name, port, evidence={"verifier": "site", "file": str(verifier.file(name))}
            )
            for name, port in names_and_ports
        ),
        model("chat", target(names[0]), fallbacks=[target(name) for name in names[1:]]),
        resource(
            PINION,
            "ResidencyPolicy",
            "attested",
            {
                "label": "phi",
                "sources": [{"header": "x-data-label"}],
                "allow": {"attestation": demand},
            },
        ),
    ]


def ask(proxy, headers=PHI):
    """The status, and the code of a refusal."""
    status, _, body = proxy.chat("chat", headers, max_tokens=1)
    return status, json.loads(body).get("error", {}).get("code")


def test_evidence_opens_and_shuts_endpoints(start, simulate, verifier):
    first, second = simulate("chat"), simulate("chat")
    verifier.attest("first")
    proxy = start(*resources(verifier, ("first", first.port), ("second", second.port)))
    # The second has no evidence yet, which is a warning and no error.
    assert "cannot be used as evidence: it cannot be read" in proxy.output()
    assert ask(proxy) == (200, None)
    assert len(first.requests()) == 1
    # Evidence of another machine state shuts the first at once; nothing is rerouted.
    verifier.attest("first", launch="bb22")
    wait_until(lambda: ask(proxy) == (403, "residency-denied"), "the refusal")
    assert ask(proxy, {}) == (200, None)
    # Evidence for the second opens it.
    verifier.attest("second")
    wait_until(lambda: ask(proxy) == (200, None), "the second endpoint")
    assert second.requests()

    def evidence():
        records = [r["residency"] for r in proxy.access_log() if "residency" in r]
        return [hop.get("attestation") for record in records for hop in record["hops"]]

    wait_until(lambda: {"first", "second"} <= set(evidence()), "the receipts")
    # A key that is taken back takes all of its evidence along.
    verifier.key = ec.generate_private_key(ec.SECP256R1())
    assert verifier.key_file.exists()
    wait_until(lambda: ask(proxy) == (403, "residency-denied"), "the refusal")


def test_evidence_that_expires_evicts_its_endpoint(start, simulate, verifier):
    server = simulate("chat")
    verifier.attest("short", seconds=3)
    proxy = start(*resources(verifier, ("short", server.port)))
    assert ask(proxy) == (200, None)
    code, output, _ = run("prove", "residency", "--admin", f"{HOST}:{proxy.admin}")
    assert code == 0 and "It holds until" in output
    wait_until(lambda: ask(proxy) == (403, "residency-denied"), "the end of the evidence")
    status, _, body = proxy.chat("chat", PHI)
    assert status == 403 and "its evidence has expired" in body.decode()
    code, output, _ = run("get", "endpoints", "--admin", f"{HOST}:{proxy.admin}")
    assert code == 0 and "expired" in output
    code, output, _ = run("prove", "residency", "--admin", f"{HOST}:{proxy.admin}")
    assert code == 1 and "evidence that does not hold now is not allowed" in output
    verifier.attest("short")
    wait_until(lambda: ask(proxy) == (200, None), "new evidence")


def test_recordings_know_the_evidence_of_their_time(start, simulate, verifier, tmp_path):
    server = simulate("chat")
    verifier.attest("node")
    proxy = start(*resources(verifier, ("node", server.port)))
    assert ask(proxy) == (200, None)
    verifier.attest("node", dbgstat="enabled")
    wait_until(lambda: ask(proxy) == (403, "residency-denied"), "the refusal")
    status, _, body = proxy_recordings(proxy)
    assert status == 200
    path = tmp_path / "recording.jsonl"
    path.write_bytes(body)
    code, output, error = run("replay", path)
    assert code == 0, output + error


def proxy_recordings(proxy):
    """What the admin port has recorded."""
    return request(proxy.admin, "GET", "/recordings")
