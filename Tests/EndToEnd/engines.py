# SPDX-License-Identifier: Apache-2.0
"""Policy engines that tests stand up: OPA over real Rego, ext_authz over HTTP and gRPC."""

import concurrent.futures
import http.server
import json
import threading
import time

import grpc
import regopy
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc

from children import HOST, free_port
from configuration import PINION, backend, resource


def engine(name, protocol, port, **spec):
    """A PolicyEngine and the Backend it is reached at."""
    return [
        backend(f"{name}-engine", port),
        resource(
            PINION,
            "PolicyEngine",
            name,
            {"protocol": protocol, "backendRef": {"name": f"{name}-engine"}, **spec},
        ),
    ]


def asks(name, rule="ask", **fields):
    """A rule that asks the engine `name`."""
    return {"name": rule, "action": "custom", "engineRef": {"name": name}, **fields}


class _HTTPEngine:
    """An engine on an HTTP server of its own; a connection may be kept."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.asked = []
        self.delay = 0
        self.connections = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                outer.connections += 1
                super().setup()

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                if outer.delay:
                    time.sleep(outer.delay)
                status, fields, text = outer.decide(self, body)
                self.send_response(status)
                for key, value in fields:
                    self.send_header(key, value)
                self.send_header("content-length", str(len(text)))
                try:
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    # Whoever asked did not wait.
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((HOST, self.port), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def end(self):
        """Stops it."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class OPA(_HTTPEngine):
    """The REST data API of the Open Policy Agent over `policy`, which is real Rego."""

    def __init__(self, policy, port=None):
        self.policy = policy
        super().__init__(port)

    def decide(self, handler, body):
        """Evaluates the document that the path names with the input of the body."""
        question = json.loads(body)
        self.asked.append((handler.path, dict(handler.headers.items()), question["input"]))
        rego = regopy.Interpreter()
        rego.add_module("policy", self.policy)
        rego.set_input(question["input"])
        name = handler.path.removeprefix("/v1/data/").replace("/", ".")
        found = rego.query(f"found := data.{name}")
        answer = {}
        if str(found) != "undefined":
            answer["result"] = json.loads(str(found))["bindings"]["found"]
        return 200, [("content-type", "application/json")], json.dumps(answer).encode()


class HTTPAuthz(_HTTPEngine):
    """Envoy's ext_authz over HTTP; `verdict(handler)` answers status, fields, body."""

    def __init__(self, verdict, port=None):
        self.verdict = verdict
        super().__init__(port)

    def decide(self, handler, body):
        """Keeps the question and answers it."""
        headers = {key.lower(): value for key, value in handler.headers.items()}
        self.asked.append((handler.command, handler.path, headers, body))
        return self.verdict(handler)


class GRPCAuthz(external_auth_pb2_grpc.AuthorizationServicer):
    """Envoy's ext_authz over gRPC, by Google's own library and Envoy's own messages."""

    def __init__(self, verdict, port=None):
        self.verdict = verdict
        self.port = port or free_port()
        self.asked = []
        self.metadata = []
        self.delay = 0
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=32)
        self.server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        external_auth_pb2_grpc.add_AuthorizationServicer_to_server(self, self.server)
        assert self.server.add_insecure_port(f"{HOST}:{self.port}") == self.port
        self.server.start()

    def Check(self, request, context):  # noqa: N802
        """The one call."""
        self.asked.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        if self.delay:
            time.sleep(self.delay)
        answer = external_auth_pb2.CheckResponse()
        self.verdict(request, answer, context)
        return answer

    def end(self):
        """Stops it."""
        self.server.stop(0).wait()
