# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens that a test scripts: discovery, keys, and tokens signed with them."""

import http.server
import json
import threading
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from children import HOST

CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


class Key:
    """A private key with a name."""

    def __init__(self, kid, algorithm="ES256"):
        self.kid = kid
        self.algorithm = algorithm
        if algorithm in CURVES:
            self.private = ec.generate_private_key(CURVES[algorithm]())
            writer = jwt.algorithms.ECAlgorithm
        else:
            self.private = rsa.generate_private_key(65537, 2048)
            writer = jwt.algorithms.RSAAlgorithm
        self.public = {
            **writer.to_jwk(self.private.public_key(), as_dict=True),
            "kid": kid,
            "use": "sig",
            "alg": algorithm,
        }


class Issuer:
    """An issuer on loopback, which may go away, come back, and change its keys.

    `answer(path)` may return (status, headers, body) in the place of what the issuer would say.
    """

    def __init__(self, *keys):
        self.keys = list(keys) or [Key("k1")]
        self.hits = []
        self.answer = lambda _: None
        self.server = None
        self.port = 0
        self.start()
        self.url = f"http://{HOST}:{self.port}"

    def start(self):
        """Listens, on the port it had before."""
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers GET."""

            def do_GET(self):
                issuer.hits.append(self.path)
                status, headers, body = issuer.answer(self.path) or issuer.usual(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer((HOST, self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Goes away."""
        self.server.shutdown()
        self.server.server_close()

    def usual(self, path):
        """What an issuer says."""
        if path == "/.well-known/openid-configuration":
            document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        elif path == "/keys":
            document = {"keys": [key.public for key in self.keys]}
        else:
            return 404, {}, b""
        return 200, {"content-type": "application/json"}, json.dumps(document).encode()

    def fetches(self):
        """How often keys were fetched."""
        return self.hits.count("/keys")

    def token(self, key=None, headers=None, **claims):
        """A token that says `claims` beside the usual ones; None leaves one out."""
        key = key or self.keys[0]
        usual = {"iss": self.url, "aud": "mesh", "sub": "alice", "exp": int(time.time()) + 300}
        merged = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(
            merged,
            key.private,
            algorithm=key.algorithm,
            headers={"kid": key.kid, **(headers or {})},
        )
