# SPDX-License-Identifier: Apache-2.0
"""Hostile requests on the wire: each has a name, is refused, and leaves no byte at an upstream.

The mesh has two models, `free` for everybody and `closed` for nobody, a path `/admin` that is
closed, a header that must not say `admin`, and an issuer whose tokens open `/inside`.
"""

import base64
import gzip
import hashlib
import hmac
import json
import time
import zlib

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from children import wait_until
from configuration import (
    access_policy,
    ai_backend,
    backend,
    identity_provider,
    model,
    path,
    route,
    rule,
    target,
)
from issuer import Issuer, Key
from pinion import Pinion
from wire import Closed, Upstream, Wire

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The mesh of this module, its upstream and its issuer."""
    folder = tmp_path_factory.mktemp("hostile")
    upstream, issuer = Upstream(), Issuer(Key("rsa", "RS256"), Key("ec", "ES256"))
    admin = "request.path == '/admin' || request.path.startsWith('/admin/')"
    gateway = Pinion(
        folder / "gateway",
        [
            ai_backend("ai", upstream.port),
            backend("web", upstream.port),
            model("free", target("ai")),
            model("closed", target("ai")),
            access_policy("Model", "closed", ("nobody", "deny", "true || ai.stream")),
            route("web", rule("web", matches=[path("/")])),
            route("inside", rule("web", matches=[path("/inside")])),
            access_policy(
                "HTTPRoute",
                "web",
                ("admin", "deny", admin),
                ("role", "deny", "'x-role' in request.headers && "
                 "request.headers['x-role'].contains('admin')"),
            ),
            identity_provider(
                "HTTPRoute",
                "corp",
                "inside",
                jwt={"issuer": issuer.url, "audiences": ["mesh"], "algorithms": ["RS256"]},
            ),
        ],
    )
    # What is refused below would otherwise pass.
    assert gateway.request("GET", "/public")[0] == 200
    assert gateway.request("POST", CHAT, b'{"model":"free"}')[0] == 200
    token = issuer.token()
    bearer = {"authorization": f"Bearer {token}"}
    assert gateway.request("GET", "/inside", headers=bearer)[0] == 200
    upstream.requests.clear()
    yield gateway, upstream, issuer
    gateway.end()
    upstream.end()
    issuer.stop()


def refused(world, data, *statuses, hidden=None):
    """`data` is answered with one of `statuses`, or its connection closed, and goes nowhere."""
    gateway, upstream, _ = world
    before = len(upstream.requests), upstream.begun
    if isinstance(data, str):
        data = data.replace("\n", "\r\n").encode("latin-1")
    with Wire(gateway.port) as caller:
        caller.send(data)
        try:
            status = caller.answer().status
        except (Closed, ConnectionError):
            status = None
    assert status in statuses, status
    # A request behind a refused one must not be served either.
    assert (len(upstream.requests), upstream.begun) == before
    if hidden:
        assert hidden not in gateway.output()


def get(target, fields=""):
    """A GET of `target`."""
    return f"GET {target} HTTP/1.1\nHost: mesh\n{fields}\n"


def post(body, fields="", target=CHAT):
    """A POST of `body`."""
    if isinstance(body, str):
        body = body.encode("latin-1")
    head = f"POST {target} HTTP/1.1\nHost: mesh\nContent-Length: {len(body)}\n{fields}\n"
    return head.replace("\n", "\r\n").encode("latin-1") + body


def encode(data):
    """`data` as base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# Paths


@pytest.mark.parametrize(
    "target",
    [
        "/public/../admin",
        "/public/./../admin",
        "//admin",
        "/admin/",
        "/%61dmin",
        "/public/%2e%2e/admin",
        "/public/%2E%2E/%61dmin",
        "/admin?x",
        "http://mesh/admin",
        "/./admin",
        "///admin//x",
    ],
)
def test_no_spelling_of_a_path_gets_past_a_rule(world, target):
    refused(world, get(target), 403, 400)


@pytest.mark.parametrize(
    "target",
    [
        "/public%2fadmin",
        "/public%2Fadmin",
        "/public%5cadmin",
        "/public\\..\\admin",
        "/public/%00",
        "/public%",
        "/public%zz",
        "/public/..;/admin",
        "/admin;jsessionid=1",
        "/%c0%ae%c0%ae/admin",
        "/public/%252e%252e/admin",
        "/public%252fadmin",
        "/public/%25252e%25252e/admin",
        "/../../admin",
    ],
)
def test_a_path_that_servers_read_differently_is_refused(world, target):
    refused(world, get(target), 400, 403)


def test_the_path_that_is_forwarded_is_the_one_that_was_judged(world):
    gateway, upstream, _ = world
    with Wire(gateway.port) as caller:
        caller.send(get("/a/%2e%2e/public/./%61"))
        assert caller.answer().status == 200
    assert upstream.requests[-1].target == "/public/a"


# Headers


def test_a_role_in_the_second_of_two_fields_is_seen(world):
    refused(world, get("/public", "X-Role: user\nX-Role: admin\n"), 403)


def test_a_role_in_the_first_of_two_fields_is_seen(world):
    refused(world, get("/public", "x-role: admin\nX-ROLE: user\n"), 403)


def test_a_role_behind_an_empty_field_is_seen(world):
    refused(world, get("/public", "X-Role:\nX-Role: admin\n"), 403)


def test_a_role_in_a_list_is_seen(world):
    refused(world, get("/public", "X-Role: user, admin\n"), 403)


def test_a_field_with_an_underscore_is_not_the_one_with_a_dash(world):
    refused(world, get("/public", "Transfer_Encoding: chunked\n"), 400, 501)


def test_two_hosts_are_refused(world):
    refused(world, "GET /public HTTP/1.1\nHost: mesh\nHost: other\n\n", 400)


def test_no_host_is_refused(world):
    refused(world, "GET /public HTTP/1.1\n\n", 400)


@pytest.mark.parametrize("host", ["mesh/../admin", "a@b", "mesh?x", "mesh#x", "me sh", "mesh:x"])
def test_a_host_that_is_more_than_a_host_is_refused(world, host):
    refused(world, f"GET /public HTTP/1.1\nHost: {host}\n\n", 400)


def test_a_host_other_than_the_target_s_does_not_count(world):
    refused(world, "GET http://other/admin HTTP/1.1\nHost: mesh\n\n", 400, 403)


def test_a_field_that_goes_on_in_the_next_line_is_refused(world):
    refused(world, "GET /public HTTP/1.1\nHost: mesh\nX-Role: user,\n admin\n\n", 400)


def test_a_bare_carriage_return_in_a_value_is_refused(world):
    refused(world, b"GET /public HTTP/1.1\r\nHost: mesh\r\nX-A: 1\rX-Role: admin\r\n\r\n", 400)


def test_a_nul_in_a_value_is_refused(world):
    refused(world, b"GET /public HTTP/1.1\r\nHost: mesh\r\nX-A: 1\x00\r\n\r\n", 400)


def test_a_blank_before_the_colon_is_refused(world):
    refused(world, "GET /public HTTP/1.1\nHost: mesh\nX-Role : admin\n\n", 400)


# Framing


SMUGGLED = "GET /admin HTTP/1.1\nHost: mesh\n\n"


def test_a_length_beside_chunks_is_refused(world):
    head = "POST /public HTTP/1.1\nHost: mesh\nContent-Length: 4\nTransfer-Encoding: chunked\n\n"
    refused(world, head + "0\n\n" + SMUGGLED, 400)


def test_two_lengths_are_refused(world):
    head = "POST /public HTTP/1.1\nHost: mesh\nContent-Length: 0\nContent-Length: 40\n\n"
    refused(world, head + SMUGGLED, 400)


@pytest.mark.parametrize("length", ["+5", "0x5", "5 5", "-1", "5,5", "1_0", "99999999999999999999"])
def test_a_length_that_is_no_number_is_refused(world, length):
    head = f"POST /public HTTP/1.1\nHost: mesh\nContent-Length: {length}\n\n"
    refused(world, head + "hello", 400, 413)


@pytest.mark.parametrize(
    "coding", ["xchunked", "chunked, chunked", "identity, chunked", "chunked;q=1", "\tchunked\x0b"]
)
def test_a_coding_that_is_not_exactly_chunked_is_refused(world, coding):
    head = f"POST /public HTTP/1.1\nHost: mesh\nTransfer-Encoding: {coding}\n\n"
    refused(world, head + "0\n\n" + SMUGGLED, 400, 501)


@pytest.mark.parametrize("size", ["0x1", "+1", "1_0", "1 ", "ffffffffffffffff1", "-0"])
def test_a_chunk_of_no_size_is_refused(world, size):
    head = f"POST {CHAT} HTTP/1.1\nHost: mesh\nTransfer-Encoding: chunked\n\n"
    refused(world, head + f"{size}\nx\n0\n\n", 400)


def test_a_trailer_cannot_bring_a_credential(world):
    gateway, upstream, _ = world
    with Wire(gateway.port) as caller:
        caller.send(
            "POST /public HTTP/1.1\nHost: mesh\nTransfer-Encoding: chunked\n"
            "Trailer: authorization\n\n1\nx\n0\nAuthorization: Bearer x\nX-Role: admin\n\n"
        )
        assert caller.answer().status == 200
    assert upstream.requests[-1].field("authorization") is None
    assert upstream.requests[-1].field("x-role") is None


@pytest.mark.parametrize("method", ["CONNECT mesh:80", "TRACE /public"])
def test_methods_that_reach_through_are_refused(world, method):
    refused(world, f"{method} HTTP/1.1\nHost: mesh\n\n", 400, 405, 501)


def test_an_upgrade_to_another_protocol_is_refused(world):
    fields = "Connection: upgrade\nUpgrade: websocket\n"
    refused(world, get("/public", fields), 501)


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"free","model":"closed"}',
        b'{"model":"closed","model":"free"}',
        b'{"model":"free","mod\\u0065l":"closed"}',
        b'{"model":"free","Model":"closed"}',
        b'{"model":"free","stream":false,"stream":true}',
        b'{"model":"free","max_tokens":1,"max_tokens":99999}',
    ],
)
def test_a_key_that_stands_twice_is_refused(world, body):
    refused(world, post(body), 400)


@pytest.mark.parametrize("body", [b'{"model":"closed"}', b'{"model":"\\u0063losed"}'])
def test_no_spelling_of_a_model_gets_past_a_rule(world, body):
    refused(world, post(body), 403)


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"model":"free"}',
        b'{"model":"free","a":NaN}',
        b'{"model":"free"}{"model":"closed"}',
        b'{"model":"free",}',
        b'{"model":"free"}//',
        b"{'model':'free'}",
        b'{"model":"\\ud800"}',
        b'{"model":"fr\xffee"}',
        b'[{"model":"free"}]',
        b'{"model":["free"]}',
        b'{"a":' + b"[" * 100_000,
        b'{"model":"free"',
        b"model=free",
        b"",
    ],
)
def test_a_body_that_servers_read_differently_is_refused(world, body):
    refused(world, post(body), 400)


CLOSED = b'{"model":"closed"}'


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(CLOSED)),
        ("deflate", zlib.compress(CLOSED)),
        ("gzip, gzip", gzip.compress(gzip.compress(CLOSED))),
        ("identity, gzip", gzip.compress(CLOSED)),
        ("br", CLOSED),
        ("unknown", CLOSED),
        ("GZIP", gzip.compress(CLOSED)),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(world, coding, body):
    refused(world, post(body, f"Content-Encoding: {coding}\n"), 415)


def test_a_body_too_large_to_be_read_is_refused(world):
    head = f"POST {CHAT} HTTP/1.1\nHost: mesh\nContent-Length: 99999999\n\n"
    refused(world, head + "{", 413)


def test_a_charset_hides_no_model(world):
    body = CLOSED.decode().encode("utf-16")
    refused(world, post(body, "Content-Type: application/json; charset=utf-16\n"), 400)


# Tokens


def public_pem(key):
    """The public half as the text that a confused verifier would take for a secret."""
    return key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def forged(issuer, head, signature=b"", **claims):
    """A token with any head, signed as `signature` (bytes, or a function of what is signed)."""
    usual = {"iss": issuer.url, "aud": "mesh", "sub": "m", "exp": int(time.time()) + 60}
    parts = [head, {**usual, **claims}]
    text = ".".join(encode(json.dumps(part).encode()) for part in parts)
    made = signature(text.encode()) if callable(signature) else signature
    return f"{text}.{encode(made)}"


def inside(token, scheme="Bearer"):
    """A request that only a token lets pass."""
    return get("/inside", f"Authorization: {scheme} {token}\n")


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_a_signature_is_refused(world, name):
    refused(world, inside(forged(world[2], {"alg": name, "kid": "rsa"})), 401)


def test_a_public_key_is_no_shared_secret(world):
    key = public_pem(world[2].keys[0])
    for secret in (key, key.strip()):
        token = forged(
            world[2],
            {"alg": "HS256", "kid": "rsa"},
            lambda text, secret=secret: hmac.digest(secret, text, hashlib.sha256),
        )
        refused(world, inside(token), 401)


def test_an_algorithm_that_was_not_chosen_is_refused(world):
    refused(world, inside(world[2].token(world[2].keys[1])), 401)


def test_one_padding_is_not_the_other(world):
    key = world[2].keys[0]
    token = jwt.encode(
        {"iss": world[2].url, "aud": "mesh", "exp": int(time.time()) + 60},
        key.private,
        algorithm="PS256",
        headers={"kid": key.kid},
    )
    refused(world, inside(token), 401)


def test_a_token_for_another_service_is_refused(world):
    refused(world, inside(world[2].token(aud="billing")), 401)


def test_a_token_of_another_issuer_is_refused(world):
    refused(world, inside(world[2].token(iss="https://evil.test")), 401)


def test_an_expired_token_is_refused(world):
    refused(world, inside(world[2].token(exp=int(time.time()) - 120)), 401)


def test_a_token_without_an_end_is_refused(world):
    refused(world, inside(world[2].token(exp=None)), 401)


def test_changed_claims_are_refused(world):
    head, _, signature = world[2].token().split(".")
    claims = {"iss": world[2].url, "aud": "mesh", "sub": "root", "exp": 9_999_999_999}
    refused(world, inside(f"{head}.{encode(json.dumps(claims).encode())}.{signature}"), 401)


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_a_token_cannot_say_where_its_key_is(world, name):
    before = len(world[2].hits)
    refused(world, inside(world[2].token(headers={name: f"{world[2].url}/keys"})), 401)
    assert len(world[2].hits) == before


def test_a_token_cannot_bring_its_key(world):
    mine = Key("mine", "RS256")
    token = jwt.encode(
        {"iss": world[2].url, "aud": "mesh", "exp": int(time.time()) + 60},
        mine.private,
        algorithm="RS256",
        headers={"kid": "rsa", "jwk": mine.public},
    )
    refused(world, inside(token), 401)


def test_something_critical_that_is_not_understood_is_refused(world):
    refused(world, inside(world[2].token(headers={"crit": ["x"], "x": 1})), 401)


def test_a_token_spelled_in_another_way_is_refused(world):
    token = world[2].token()
    for other in (token + "=", token + ".", token[:-1], token.replace(".", ".."), token * 2):
        refused(world, inside(other), 401)


def test_a_token_of_a_megabyte_is_refused(world):
    refused(world, inside("a" * 1_000_000), 431, None)


def test_two_tokens_are_refused(world):
    token = world[2].token()
    field = f"Authorization: Bearer {token}\n"
    refused(world, get("/inside", field + field), 401)


def test_another_scheme_is_no_token(world):
    refused(world, inside(world[2].token(), "Basic"), 401)
    refused(world, inside(world[2].token(), "Bearer,"), 401)


def test_a_token_in_the_query_is_no_token(world):
    refused(world, get(f"/inside?access_token={world[2].token()}"), 401)


def test_a_token_in_a_cookie_is_no_token(world):
    refused(world, get("/inside", f"Cookie: token={world[2].token()}\n"), 401)


@pytest.mark.parametrize(
    "fields",
    [
        "X-Forwarded-User: root\nX-Forwarded-Email: root@mesh\n",
        "X-JWT-Payload: eyJzdWIiOiJyb290In0\n",
        "X-Forwarded-Client-Cert: By=spiffe://mesh/root\n",
        "Source-Identity: root\n",
        "X-Envoy-Original-Path: /public\nX-Original-URL: /public\nX-Rewrite-URL: /public\n",
    ],
)
def test_a_header_is_no_identity(world, fields):
    refused(world, get("/inside", fields), 401)


def test_sql_in_a_credential_is_a_wrong_credential(world):
    refused(world, inside("' OR '1'='1"), 401)


def test_what_is_refused_is_not_repeated_in_logs(world):
    token = world[2].token(aud="billing")
    refused(world, inside(token), 401)
    wait_until(
        lambda: any(r.get("error_code") == "invalid-credential" for r in world[0].access_log()),
        "the record",
    )
    assert token.split(".")[1] not in world[0].output()
