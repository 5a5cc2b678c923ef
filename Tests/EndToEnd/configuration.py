# SPDX-License-Identifier: Apache-2.0
"""Builds resources as dictionaries, and writes them as documents of one YAML file.

JSON is YAML, so a document is written as JSON; only tests about positions write YAML by hand.
"""

import json

GATEWAY_API = "gateway.networking.k8s.io/v1"
PINION = "pinion.dev/v1alpha1"


def resource(version, kind, name, spec):
    """A resource in the default namespace."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def gateway(port, name="mesh", **listener):
    """A Gateway with one HTTP listener."""
    listener = {"name": "http", "port": port, "protocol": "HTTP", **listener}
    return resource(
        GATEWAY_API, "Gateway", name, {"gatewayClassName": "pinion", "listeners": [listener]}
    )


def mesh(**spec):
    """The Mesh singleton."""
    return resource(PINION, "Mesh", "mesh", spec)


def backend(name, *ports, **spec):
    """A Backend with a loopback endpoint for each of `ports`."""
    endpoints = [{"address": "127.0.0.1", "port": port} for port in ports]
    return resource(PINION, "Backend", name, {"endpoints": endpoints, **spec})


def ai_backend(name, *ports, **spec):
    """A Backend that speaks the OpenAI API."""
    return backend(name, *ports, dialect="OpenAI", **spec)


def target(name, weight=None, model=None):
    """A target or fallback of a Model."""
    entry = {"backendRef": {"name": name}}
    if weight is not None:
        entry["weight"] = weight
    if model is not None:
        entry["model"] = model
    return entry


def model(name, *targets, **spec):
    """A Model that callers know as `name`."""
    return resource(PINION, "Model", name, {"targets": list(targets), **spec})


def policy(kind, name, **spec):
    """A TrafficPolicy on the `kind` called `name`."""
    group = PINION if kind in ("Backend", "Model") else GATEWAY_API
    reference = {"group": group.split("/")[0], "kind": kind, "name": name}
    full_name = f"{kind.lower()}-{name}"
    return resource(PINION, "TrafficPolicy", full_name, {"targetRefs": [reference], **spec})


def limit_policy(kind, name, *limits):
    """A LimitPolicy on the `kind` called `name`."""
    group = PINION if kind == "Model" else GATEWAY_API
    reference = {"group": group.split("/")[0], "kind": kind, "name": name}
    spec = {"targetRefs": [reference], "limits": list(limits)}
    return resource(PINION, "LimitPolicy", f"{kind.lower()}-{name}", spec)


def overload_policy(name, **spec):
    """An OverloadPolicy on the Backend called `name`."""
    reference = {"group": "pinion.dev", "kind": "Backend", "name": name}
    return resource(
        PINION, "OverloadPolicy", f"overload-{name}", {"targetRefs": [reference], **spec}
    )


def access_policy(kind, name, *rules, **spec):
    """An AccessPolicy on the `kind` called `name`; rules are (name, action, condition)."""
    group = PINION if kind in ("Backend", "Model") else GATEWAY_API
    reference = {"group": group.split("/")[0], "kind": kind, "name": name}
    written = [{"name": rule, "action": action, "when": when} for rule, action, when in rules]
    spec = {"targetRefs": [reference], "rules": written, **spec}
    return resource(PINION, "AccessPolicy", f"{kind.lower()}-{name}", spec)


def identity_provider(kind, name, target, section=None, **spec):
    """An IdentityProvider called `name` on the `kind` called `target`."""
    group = PINION if kind == "Model" else GATEWAY_API
    reference = {"group": group.split("/")[0], "kind": kind, "name": target}
    if section:
        reference["sectionName"] = section
    return resource(PINION, "IdentityProvider", name, {"targetRefs": [reference], **spec})


def secret(name, **values):
    """A Secret with `values`."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }


def route(name, *rules, **spec):
    """An HTTPRoute of the Gateway `mesh`."""
    spec = {"parentRefs": [{"name": "mesh"}], **spec, "rules": list(rules)}
    return resource(GATEWAY_API, "HTTPRoute", name, spec)


def to(name, **fields):
    """A backendRef to the Backend `name`."""
    return {"group": "pinion.dev", "kind": "Backend", "name": name, **fields}


def rule(*backends, matches=None, filters=None, **fields):
    """A rule that forwards to `backends`: names, or references made by `to`."""
    references = [to(entry) if isinstance(entry, str) else entry for entry in backends]
    made = {**fields}
    if references:
        made["backendRefs"] = references
    if matches:
        made["matches"] = matches
    if filters:
        made["filters"] = filters
    return made


def path(value, kind="PathPrefix"):
    """A match on the path."""
    return {"path": {"type": kind, "value": value}}


def text(resources):
    """`resources` as the text of one file."""
    return "\n---\n".join(json.dumps(entry, indent=2) for entry in resources) + "\n"
