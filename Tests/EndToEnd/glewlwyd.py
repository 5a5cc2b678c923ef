# SPDX-License-Identifier: Apache-2.0
"""A real OpenID Connect provider, Glewlwyd, on loopback with a database of its own."""

import base64
import http.client
import json
import re
import shutil
import sqlite3
import urllib.parse

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from children import HOST, Child, free_port, request

SCHEMA = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
SETTINGS = "/etc/glewlwyd/glewlwyd.conf"
CLIENT, PASSWORD = "mesh-app", "s3cret-s3cret"


def is_there():
    """Whether it is installed."""
    return shutil.which("glewlwyd") is not None


def pem(key):
    """A private key and its public half, as text."""
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


class Glewlwyd(Child):
    """The provider, with one confidential client that may get tokens for itself."""

    def __init__(self, folder):
        self.port = free_port()
        self.issuer = f"http://{HOST}:{self.port}/api/oidc"
        with open(SCHEMA, encoding="utf-8") as schema, sqlite3.connect(folder / "db") as database:
            database.executescript(schema.read())
        database.close()
        with open(SETTINGS, encoding="utf-8") as settings:
            text = settings.read()
        for name, value in [
            ("port", f'{self.port}\nbind_address="{HOST}"'),
            ("external_url", f'"http://{HOST}:{self.port}"'),
            ("log_mode", '"console"'),
        ]:
            text = re.sub(rf"(?m)^{name}=.*", f"{name}={value}", text)
        database = f'database = {{ type = "sqlite3"; path = "{folder}/db"; }};'
        text = re.sub(r"(?m)^@include.*", database, text)
        (folder / "glewlwyd.conf").write_text(text, encoding="utf-8")
        super().__init__(["glewlwyd", f"--config-file={folder}/glewlwyd.conf"], folder / "log")
        self.wait_ready(self.port, "/config")
        self.cookie = self._log_in()
        self.key = rsa.generate_private_key(65537, 2048)
        self._call("POST", "/api/mod/plugin/", self._plugin())
        self._call(
            "POST",
            "/api/client/",
            {
                "client_id": CLIENT,
                "name": CLIENT,
                "confidential": True,
                "password": PASSWORD,
                "authorization_type": ["client_credentials"],
                "redirect_uri": [],
                "scope": ["g_profile"],
                "enabled": True,
                "token_endpoint_auth_method": ["client_secret_basic"],
            },
        )

    def _log_in(self):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        body = json.dumps({"username": "admin", "password": "password"})
        connection.request("POST", "/api/auth/", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        cookie = answer.getheader("set-cookie").split(";")[0]
        connection.close()
        return cookie

    def _call(self, method, path, document=None):
        headers = {"content-type": "application/json", "cookie": self.cookie}
        body = None if document is None else json.dumps(document)
        status, _, answer = request(self.port, method, path, body, headers)
        assert status == 200, (method, path, status, answer)

    def _plugin(self):
        private, public = pem(self.key)
        return {
            "module": "oidc",
            "name": "oidc",
            "display_name": "oidc",
            "parameters": {
                "iss": self.issuer,
                "jwt-type": "rsa",
                "jwt-key-size": "256",
                "key": private,
                "cert": public,
                "access-token-duration": 3600,
                "refresh-token-duration": 1209600,
                "code-duration": 600,
                "refresh-token-rolling": True,
                "allow-non-oidc": True,
                "auth-type-code-enabled": True,
                "auth-type-client-enabled": True,
                "auth-type-password-enabled": False,
                "auth-type-token-enabled": False,
                "auth-type-id-token-enabled": True,
                "auth-type-none-enabled": False,
                "auth-type-refresh-enabled": True,
                "scope": [],
                "additional-parameters": [],
                "claims": [],
                "service-documentation": "",
                "op-policy-uri": "",
                "op-tos-uri": "",
                "jwks-show": True,
            },
        }

    def rotate(self):
        """Signs with another key from now on, and publishes that one only."""
        self.key = rsa.generate_private_key(65537, 2048)
        self._call("PUT", "/api/mod/plugin/oidc", self._plugin())
        self._call("PUT", "/api/mod/plugin/oidc/reset")

    def token(self):
        """An access token for the client."""
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "g_profile"})
        credential = base64.b64encode(f"{CLIENT}:{PASSWORD}".encode()).decode()
        headers = {
            "authorization": f"Basic {credential}",
            "content-type": "application/x-www-form-urlencoded",
        }
        status, _, body = request(self.port, "POST", "/api/oidc/token", form, headers)
        assert status == 200, (status, body)
        return json.loads(body)["access_token"]
