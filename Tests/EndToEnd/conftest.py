# SPDX-License-Identifier: Apache-2.0
"""Fixtures: factories whose products are ended after the test that asked for them."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import tiny_gguf  # noqa: E402
from children import Child, free_port  # noqa: E402
from issuer import Issuer  # noqa: E402
from pinion import BINARY, ModelServer, Pinion  # noqa: E402
from wire import Upstream, echo  # noqa: E402


def pytest_configure():
    """Refuses to run without the binary: skipping everything would look like success."""
    if not os.access(BINARY, os.X_OK):
        raise pytest.UsageError(f"{BINARY} is not there: run `make build`, or set PINION")


def end_all(children):
    """Ends `children`; the first failure is raised after all were tried."""
    for child in children:
        child.terminate()
    failures = []
    for child in children:
        try:
            child.end()
        except AssertionError as error:
            failures.append(error)
    if failures:
        raise failures[0]


@pytest.fixture
def start(tmp_path):
    """start(*resources, environment=None, arguments=()): a running gateway."""
    children = []

    def make(*resources, **options):
        folder = tmp_path / f"gateway-{len(children)}"
        children.append(Pinion(folder, resources, **options))
        return children[-1]

    yield make
    end_all(children)


@pytest.fixture
def simulate(tmp_path):
    """simulate(*models): a running simulated model server."""
    children = []

    def make(*models, **options):
        log = tmp_path / f"model-server-{len(children)}.log"
        children.append(ModelServer(log, *(models or ["tiny"]), **options))
        return children[-1]

    yield make
    end_all(children)


@pytest.fixture
def serve():
    """serve(answer=echo): an upstream that the test scripts."""
    upstreams = []

    def make(answer=echo):
        upstreams.append(Upstream(answer))
        return upstreams[-1]

    yield make
    for upstream in upstreams:
        upstream.end()


@pytest.fixture
def stand_up():
    """stand_up(engine): ends the engine after the test."""
    engines = []

    def keep(made):
        engines.append(made)
        return made

    yield keep
    for made in engines:
        made.end()


@pytest.fixture
def issue():
    """issue(*keys): an issuer of tokens that the test scripts."""
    issuers = []

    def make(*keys):
        issuers.append(Issuer(*keys))
        return issuers[-1]

    yield make
    for issuer in issuers:
        issuer.stop()


def start_llama(model, log):
    """A running llama.cpp server of `model`, with its `port`."""
    port = free_port()
    script = os.path.join(os.path.dirname(__file__), "run_llama.py")
    child = Child([sys.executable, script, model, port], log)
    child.port = port
    try:
        child.wait_ready(port, "/health", seconds=30)
    except AssertionError:
        child.end()
        raise
    return child


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    """A real llama.cpp server with a tiny model; one for the whole run."""
    folder = tmp_path_factory.mktemp("llama")
    model = folder / "tiny.gguf"
    tiny_gguf.write(str(model))
    child = start_llama(model, folder / "llama.log")
    yield child
    child.end()


@pytest.fixture(scope="session")
def slower_model(tmp_path_factory):
    """A file with a model whose answers take long enough to be killed in the middle."""
    path = tmp_path_factory.mktemp("model") / "slower.gguf"
    tiny_gguf.write(str(path), layers=6, width=256)
    return path


@pytest.fixture
def llamas(tmp_path, slower_model):
    """llamas(): a llama.cpp server of its own for the test, which may kill it."""
    children = []

    def make():
        log = tmp_path / f"llama-{len(children)}.log"
        children.append(start_llama(slower_model, log))
        return children[-1]

    yield make
    end_all(children)
