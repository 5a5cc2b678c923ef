# SPDX-License-Identifier: Apache-2.0
"""Tokens of a real OpenID Connect provider: access tokens as RFC 9068 has them."""

import json

import jwt
import pytest

import glewlwyd
from configuration import access_policy, ai_backend, identity_provider, model, target
from pinion import run

pytestmark = pytest.mark.skipif(
    not glewlwyd.is_there(),
    reason="Glewlwyd is not installed: Scripts/e2e.sh does it where it may use apt",
)


@pytest.fixture
def provider(tmp_path):
    """A running provider."""
    folder = tmp_path / "glewlwyd"
    folder.mkdir()
    made = glewlwyd.Glewlwyd(folder)
    yield made
    made.end()


def ask(gateway, token):
    """The status of a chat request, and its answer."""
    status, _, body = gateway.chat("chat", {"authorization": f"Bearer {token}"}, max_tokens=1)
    return status, json.loads(body)


def test_access_tokens_of_glewlwyd_are_known_rotated_and_told_apart(start, simulate, provider):
    sim = simulate("tiny")
    rules = [("app", "require", "jwt.claims.client_id == 'mesh-app' && jwt.claims.type != ''")]
    fields = {
        "issuer": provider.issuer,
        "audiences": ["g_profile"],
        "algorithms": ["RS256"],
        "tokenTypes": ["at+jwt"],
    }
    gateway = start(
        ai_backend("servers", sim.port),
        model("chat", target("servers", model="tiny")),
        identity_provider("Gateway", "glewlwyd", "mesh", jwt=fields),
        access_policy("Gateway", "mesh", *rules),
    )
    token = provider.token()
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    claims = jwt.decode(token, options={"verify_signature": False})
    status, answer = ask(gateway, token)
    assert status == 200, (answer, claims, gateway.output()[-2000:])
    assert ask(gateway, token)[0] == 200
    head, body, signature = token.split(".")
    assert ask(gateway, f"{head}.{body}.{signature[:-4]}AAAA")[0] == 401
    provider.rotate()
    fresh = provider.token()
    assert jwt.get_unverified_header(fresh)["kid"] != jwt.get_unverified_header(token)["kid"]
    status, answer = ask(gateway, fresh)
    assert status == 200, answer
    # Its key is no longer published.
    assert ask(gateway, token)[0] == 401
    admin = f"127.0.0.1:{gateway.admin}"
    listed = json.loads(run("get", "identity", "-o", "json", "--admin", admin)[1])
    assert (listed[0]["source"], listed[0]["keys"]) == (provider.issuer, 1)
