# SPDX-License-Identifier: Apache-2.0
"""Calls of gRPC through the gateway, by the library `grpcio` on either side."""

import concurrent.futures
import json
import threading
import time

import grpc
import pytest

from children import HOST, wait_until
from configuration import GATEWAY_API, access_policy, backend, policy, resource, to
from wire import Wire


class Service(grpc.GenericRpcHandler):
    """A service of bytes: `Echo`, `Count` (streams), `Chat` (both ways), `Fail`, `Sleep`."""

    def __init__(self):
        self.metadata = []
        self.cancelled = threading.Event()

    def service(self, call):
        """The handler of a method of `test.Echo`, or None."""
        service, _, name = call.method.lstrip("/").partition("/")
        if service != "test.Echo":
            return None
        self.metadata.append(dict(call.invocation_metadata))
        return {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Sleep": grpc.unary_unary_rpc_method_handler(self.sleep),
        }.get(name)

    @staticmethod
    def echo(request, context):
        """The request, with the metadata it came with behind."""
        context.set_trailing_metadata((("x-trailing", "yes"), ("x-bytes-bin", b"\x00\xff")))
        return request

    @staticmethod
    def count(request, _):
        """As many messages as asked for."""
        for number in range(int(request)):
            yield str(number).encode()

    @staticmethod
    def sum(requests, _):
        """The lengths of all messages together."""
        return str(sum(len(request) for request in requests)).encode()

    @staticmethod
    def chat(requests, _):
        """Each message again, as it comes."""
        yield from requests

    @staticmethod
    def fail(request, context):
        """The status asked for."""
        context.abort(grpc.StatusCode[request.decode()], "asked for: 100 % \u00e9")

    def sleep(self, request, context):
        """Nothing for a while; notes when the caller does not wait for it."""
        context.add_callback(self.cancelled.set)
        time.sleep(float(request))
        return b"slept"


@pytest.fixture
def served():
    """served(**options): a server of gRPC with a `Service`; its port is `port`."""
    servers = []

    def make():
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
        service = Service()
        server.add_generic_rpc_handlers((service,))
        service.port = server.add_insecure_port(f"{HOST}:0")
        service.server = server
        server.start()
        servers.append(server)
        return service

    yield make
    for server in servers:
        server.stop(None).wait()


def grpc_route(name, *rules, **spec):
    """A GRPCRoute of the Gateway `mesh`."""
    spec = {"parentRefs": [{"name": "mesh"}], "rules": list(rules), **spec}
    return resource(GATEWAY_API, "GRPCRoute", name, spec)


def call_rule(name, service=None, method=None, **fields):
    """A rule that sends calls to the Backend `name`."""
    match = {key: value for key, value in (("service", service), ("method", method)) if value}
    made = {"backendRefs": [to(name)], **fields}
    if match:
        made["matches"] = [{"method": match}]
    return made


def channel(gateway, **options):
    """A channel to the gateway."""
    return grpc.insecure_channel(f"{HOST}:{gateway.port}", options=list(options.items()))


@pytest.fixture
def service(served):
    """A served `Service`."""
    return served()


@pytest.fixture
def gateway(start, service):
    """A gateway in front of `service`."""
    return start(
        backend("calls", service.port, appProtocol="http2"), grpc_route("all", call_rule("calls"))
    )


def test_calls_of_all_four_kinds(gateway):
    with channel(gateway) as calls:
        echo = calls.unary_unary("/test.Echo/Echo")
        answer, call = echo.with_call(b"hello", timeout=10)
        assert answer == b"hello"
        trailing = dict(call.trailing_metadata())
        assert trailing["x-trailing"] == "yes"
        assert trailing["x-bytes-bin"] == b"\x00\xff"
        counted = calls.unary_stream("/test.Echo/Count")(b"200", timeout=10)
        assert [int(number) for number in counted] == list(range(200))
        pieces = (b"x" * 10_000 for _ in range(100))
        assert calls.stream_unary("/test.Echo/Sum")(pieces, timeout=10) == b"1000000"
        chat = calls.stream_stream("/test.Echo/Chat")
        assert list(chat(iter([b"a", b"b", b"c"]), timeout=10)) == [b"a", b"b", b"c"]


def test_a_conversation_goes_back_and_forth(gateway):
    turns = []
    gate = threading.Semaphore(1)

    def requests():
        for number in range(20):
            gate.acquire()
            yield str(number).encode()

    with channel(gateway) as calls:
        for answer in calls.stream_stream("/test.Echo/Chat")(requests(), timeout=10):
            turns.append(int(answer))
            gate.release()
    assert turns == list(range(20))


def test_a_large_message_passes(gateway):
    limits = {
        "grpc.max_send_message_length": -1, "grpc.max_receive_message_length": -1,
    }
    with channel(gateway, **limits) as calls:
        message = b"0123456789" * 350_000
        assert calls.unary_unary("/test.Echo/Echo")(message, timeout=20) == message


def test_many_calls_at_once(gateway):
    with channel(gateway) as calls:
        echo = calls.unary_unary("/test.Echo/Echo")
        pending = [echo.future(str(n).encode(), timeout=20) for n in range(500)]
        assert [int(one.result()) for one in pending] == list(range(500))


@pytest.mark.parametrize("code", ["NOT_FOUND", "UNAVAILABLE", "INVALID_ARGUMENT", "ABORTED"])
def test_what_the_server_says_is_passed_on(gateway, code):
    with channel(gateway) as calls, pytest.raises(grpc.RpcError) as failure:
        calls.unary_unary("/test.Echo/Fail")(code.encode(), timeout=10)
    assert failure.value.code() == grpc.StatusCode[code]
    assert failure.value.details() == "asked for: 100 % \u00e9"


def status_of(gateway, method="/test.Echo/Echo", timeout=10, **options):
    """How a call fails: status and details."""
    with channel(gateway, **options) as calls, pytest.raises(grpc.RpcError) as failure:
        calls.unary_unary(method)(b"1", timeout=timeout)
    return failure.value.code(), failure.value.details()


def test_refusals_are_statuses(start, served):
    service = served()
    gateway = start(
        backend("calls", service.port, appProtocol="http2"),
        backend("nobody", 1, appProtocol="http2"),
        grpc_route(
            "all",
            call_rule("calls", "test.Echo", "Echo"),
            call_rule("calls", "test.Echo", "Sleep"),
            call_rule("nobody", "test.Nobody"),
        ),
        access_policy(
            "GRPCRoute", "all", ("no-sleep", "deny", "request.path.endsWith('/Sleep')")
        ),
    )
    with channel(gateway) as calls:
        assert calls.unary_unary("/test.Echo/Echo")(b"1", timeout=10) == b"1"
    code, details = status_of(gateway, "/test.Echo/Sleep")
    assert code == grpc.StatusCode.PERMISSION_DENIED
    assert "no-sleep" in details
    code, details = status_of(gateway, "/test.Other/Echo")
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert "no route" in details
    code, details = status_of(gateway, "/test.Nobody/Echo")
    assert code == grpc.StatusCode.UNAVAILABLE
    assert "nobody" in details
    records = wait_until(
        lambda: [entry for entry in gateway.access_log() if entry["path"] == "/test.Echo/Sleep"],
        "the line is written",
    )
    assert records[0]["grpc_status"] == 7
    assert records[0]["error_code"] == "access-denied"


def test_the_deadline_of_the_caller_holds(gateway, service):
    began = time.monotonic()
    # The library ends it by itself as well: what the gateway does is seen in its log.
    code, _ = status_of(gateway, "/test.Echo/Sleep", timeout=0.3)
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 2
    assert service.cancelled.wait(5)


def test_time_limits_of_the_route_hold(start, served):
    service = served()
    gateway = start(
        backend("calls", service.port, appProtocol="http2"),
        grpc_route("all", call_rule("calls")),
        policy("GRPCRoute", "all", timeouts={"request": "300ms"}),
    )
    with channel(gateway) as calls, pytest.raises(grpc.RpcError) as failure:
        calls.unary_unary("/test.Echo/Sleep")(b"5", timeout=10)
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "longer" in failure.value.details()


def test_cancelling_reaches_the_server(gateway, service):
    with channel(gateway) as calls:
        pending = calls.unary_unary("/test.Echo/Sleep").future(b"5", timeout=10)
        wait_until(lambda: service.metadata, "it has come to the server")
        pending.cancel()
        assert service.cancelled.wait(3)


def test_metadata_of_both_sides(gateway, service):
    with channel(gateway) as calls:
        metadata = (("x-ours", "1"), ("x-blob-bin", b"\x01\x02"))
        calls.unary_unary("/test.Echo/Echo")(b"1", timeout=10, metadata=metadata)
    seen = service.metadata[-1]
    assert seen["x-ours"] == "1"
    assert seen["x-blob-bin"] == b"\x01\x02"
    assert "x-request-id" in seen
    assert "x-forwarded-for" in seen


def test_calls_are_told_apart_by_method_and_metadata(start, served):
    one, two, three = served(), served(), served()
    gateway = start(
        *(
            backend(name, service.port, appProtocol="http2")
            for name, service in (("one", one), ("two", two), ("three", three))
        ),
        grpc_route(
            "all",
            call_rule("one", "test.Echo", "Echo"),
            call_rule("two", method="Count"),
            {
                "backendRefs": [to("three")],
                "matches": [{"headers": [{"name": "x-team", "value": "c"}]}],
            },
        ),
    )
    with channel(gateway) as calls:
        calls.unary_unary("/test.Echo/Echo")(b"1", timeout=10)
        list(calls.unary_stream("/test.Echo/Count")(b"1", timeout=10))
        calls.stream_unary("/test.Echo/Sum")(iter([b"1"]), timeout=10, metadata=(("x-team", "c"),))
    assert [len(service.metadata) for service in (one, two, three)] == [1, 1, 1]
    assert status_of(gateway, "/test.Echo/Sum")[0] == grpc.StatusCode.UNIMPLEMENTED


def test_a_server_that_comes_back_is_used_again(start, served):
    first = served()
    gateway = start(
        backend("calls", first.port, appProtocol="http2"), grpc_route("all", call_rule("calls"))
    )
    with channel(gateway) as calls:
        echo = calls.unary_unary("/test.Echo/Echo")
        assert echo(b"1", timeout=10) == b"1"
        first.server.stop(None).wait()
        with pytest.raises(grpc.RpcError):
            echo(b"2", timeout=3)
        again = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        again.add_generic_rpc_handlers((Service(),))
        assert again.add_insecure_port(f"{HOST}:{first.port}") == first.port
        again.start()
        try:
            wait_until(lambda: answers(echo), "it is used again")
        finally:
            again.stop(None).wait()


def answers(echo):
    """Whether a call succeeds."""
    try:
        return echo(b"3", timeout=2) == b"3"
    except grpc.RpcError:
        return False


def test_calls_that_fail_can_be_tried_again(start, served):
    good, bad = served(), served()
    bad.echo = lambda request, context: context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
    gateway = start(
        backend("calls", good.port, bad.port, appProtocol="http2"),
        grpc_route("all", call_rule("calls")),
        policy("GRPCRoute", "all", retry={"attempts": 3}),
    )
    with channel(gateway) as calls:
        echo = calls.unary_unary("/test.Echo/Echo")
        for number in range(20):
            assert echo(str(number).encode(), timeout=10) == str(number).encode()
    assert bad.metadata


def test_pings_of_a_patient_client(gateway):
    """More PINGs than SwiftNIO's codec takes in 30 seconds by itself."""
    options = {
        "grpc.keepalive_time_ms": 10,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.max_pings_without_data": 0,
        "grpc.http2.min_time_between_pings_ms": 10,
        "grpc.http2.min_sent_ping_interval_without_data_ms": 10,
    }
    with channel(gateway, **options) as calls:
        states = []
        calls.subscribe(states.append)
        echo = calls.unary_unary("/test.Echo/Echo")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert echo(b"1", timeout=5) == b"1"
            time.sleep(0.02)
        assert grpc.ChannelConnectivity.TRANSIENT_FAILURE not in states
        assert states.count(grpc.ChannelConnectivity.READY) == 1


def test_a_server_that_speaks_http1_only_is_a_mistake_in_the_configuration(tmp_path):
    from configuration import text
    from pinion import run

    file = tmp_path / "mesh.yaml"
    from configuration import gateway as gateway_resource

    file.write_text(
        text([gateway_resource(1234), backend("plain", 1), grpc_route("all", call_rule("plain"))])
    )
    status, out, err = run("check", "-f", file)
    assert status != 0
    assert "appProtocol: http2" in out + err


def test_a_caller_without_http2_gets_an_http_error(start, service):
    gateway = start(
        backend("calls", service.port, appProtocol="http2"),
        grpc_route("all", call_rule("calls", "test.Echo")),
    )
    with Wire(gateway.port) as wire:
        wire.send("POST /test.Other/Echo HTTP/1.1\nHost: a\nContent-Length: 0\n\n")
        answer = wire.answer()
        assert answer.status == 404
        assert json.loads(answer.body)["code"] == "no-route"
