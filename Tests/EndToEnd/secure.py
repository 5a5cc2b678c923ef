# SPDX-License-Identifier: Apache-2.0
"""Gateways that end TLS, and clients of them."""

import http.client
import socket
import ssl

import configuration
from children import HOST


def certificate(name, paths):
    """A Certificate in the files `paths`."""
    spec = {"certificateFile": str(paths[0]), "privateKeyFile": str(paths[1])}
    return configuration.resource(configuration.PINION, "Certificate", name, spec)


def trust_domain(name, path, domain="example.org"):
    """A TrustDomain whose authorities are in the file at `path`."""
    spec = {"trustDomain": domain, "bundleFile": str(path)}
    return configuration.resource(configuration.PINION, "TrustDomain", name, spec)


def listener(port, name="https", shown="web", hostname=None, minimum=None):
    """An HTTPS listener with the Certificate `shown`."""
    reference = {"group": "pinion.dev", "kind": "Certificate", "name": shown}
    tls = {"certificateRefs": [reference]}
    if minimum:
        tls["options"] = {"pinion.dev/minimum-version": minimum}
    made = {"name": name, "port": port, "protocol": "HTTPS", "tls": tls}
    return {**made, "hostname": hostname} if hostname else made


def gateway(*listeners, callers=None, optional=False):
    """The Gateway `mesh`; `callers` is the TrustDomain that vouches for them."""
    spec = {"gatewayClassName": "pinion", "listeners": list(listeners)}
    if callers:
        reference = {"group": "pinion.dev", "kind": "TrustDomain", "name": callers}
        validation = {"caCertificateRefs": [reference]}
        if optional:
            validation["mode"] = "AllowInsecureFallback"
        spec["tls"] = {"frontend": {"default": {"validation": validation}}}
    return configuration.resource(configuration.GATEWAY_API, "Gateway", "mesh", spec)


def text(*resources):
    """The file with `resources`, and a Mesh that keeps the ends of tests short."""
    return configuration.text([*resources, configuration.mesh(drainTimeout="2s")])


def connect(port, context, name="a.test", timeout=10):
    """A connection within TLS for the host `name`."""
    plain = socket.create_connection((HOST, port), timeout=timeout)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


class Client(http.client.HTTPConnection):
    """A client of HTTP/1.1 within TLS that asks for one host and may send another one."""

    def __init__(self, port, context, name="a.test", timeout=10):
        super().__init__(HOST, port, timeout=timeout)
        self.context = context
        self.name = name

    def connect(self):
        self.sock = connect(self.port, self.context, self.name, self.timeout)

    def get(self, path="/", host=None, headers=None):
        """One exchange: status, fields in lower case, body."""
        fields = {"host": host or self.name or "a.test", **(headers or {})}
        self.request("GET", path, headers=fields)
        answer = self.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, fields, answer.read()


def get(port, context, name="a.test", path="/", **options):
    """One request on a connection of its own."""
    client = Client(port, context, name)
    try:
        return client.get(path, **options)
    finally:
        client.close()


def serial_shown(port, context, name="a.test"):
    """The number of the certificate that is shown for `name`."""
    with connect(port, context, name) as secured:
        return int(secured.getpeercert()["serialNumber"], 16)


def fails(port, context, name="a.test"):
    """Why a request on a new connection fails, or None when it does not: TLS 1.3 lets a client
    hear that it was refused only with the first answer."""
    try:
        get(port, context, name)
        return None
    except (ssl.SSLError, ConnectionError, http.client.HTTPException, TimeoutError) as error:
        return error
