# SPDX-License-Identifier: Apache-2.0
"""More requests than a backend can answer."""

import asyncio
import itertools
import json
import threading
import time

import pytest

from children import HOST, request, wait_until
from configuration import ai_backend, backend, mesh, model, overload_policy, path, route, rule
from configuration import target
from pinion import run
from wire import Wire, completion, reply

SPAN = 15
WARM = 5
PATIENCE = 2.0


def body_of(tokens, **fields):
    """A chat request that is answered with as many tokens."""
    fields = {"model": "chat", "stream": True, "max_tokens": tokens, **fields}
    return json.dumps({"messages": [{"role": "user", "content": "hello"}], **fields}).encode()


async def ask(port, body, patience=None):
    """One request on a connection of its own: status, seconds to the first event, whether whole."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience)
        status = int(first.split(b" ")[1])
        left = None if patience is None else max(0.01, began + patience - time.monotonic())
        piece = await asyncio.wait_for(reader.read(1), left)
        wait = time.monotonic() - began
        rest = piece + await reader.read()
        return status, wait, b"data: [DONE]" in rest, time.monotonic()
    except (asyncio.TimeoutError, OSError, asyncio.IncompleteReadError):
        return 0, time.monotonic() - began, False, time.monotonic()
    finally:
        writer.close()


def bodies(name):
    """Bodies that are answered with 16 to 32 tokens, so that answers do not end together."""
    return [body_of(16 + 5 * number % 17, model=name) for number in range(17)]


async def capacity(port, workers, seconds):
    """Answers in a second when as many callers always wait for one."""
    done = []
    end = time.monotonic() + seconds
    texts = itertools.cycle(bodies("tiny"))

    async def work():
        while time.monotonic() < end:
            _, _, whole, at = await ask(port, next(texts))
            if whole:
                done.append(at)

    await asyncio.gather(*[work() for _ in range(workers)])
    warm = end - seconds + 2
    return sum(1 for at in done if warm <= at < end) / (end - warm)


async def offer(port, rate, seconds):
    """`rate` requests in a second, whatever becomes of them."""
    tasks = []
    texts = itertools.cycle(bodies("chat"))
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        pause = began + number / rate - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(ask(port, next(texts), PATIENCE)))
    results = await asyncio.gather(*tasks)
    return began, results


def goodput(began, results):
    """Whole answers in a second that began in time, once everything has settled."""
    start, end = began + WARM, began + SPAN
    good = [r for r in results if r[2] and r[1] <= PATIENCE and start <= r[3] < end]
    return len(good) / (end - start)


def test_goodput_at_three_times_the_capacity(start, simulate, record_property):
    # Sixteen at once, each for about half a second: neither the clients nor the gateway are what
    # is short, however few cores there are.
    sim = simulate("tiny", arguments=["--speed", "1", "--slots", "16"])
    most = asyncio.run(capacity(sim.port, 40, 10))
    gateway = start(
        ai_backend("servers", sim.port),
        model("chat", target("servers", model="tiny")),
        overload_policy("servers", queue={"length": 200, "timeout": "1s", "target": "300ms"}),
    )
    began, results = asyncio.run(offer(gateway.port, 3 * most, SPAN))
    good = goodput(began, results)
    refused = [r for r in results if r[0] == 503]
    figures = (
        f"capacity {most:.1f}/s, offered {3 * most:.0f}/s, good {good:.1f}/s "
        f"({100 * good / most:.0f} %), {len(refused)} refused"
    )
    print(figures)
    record_property("goodput", figures)
    assert good >= 0.9 * most, figures
    assert refused, figures
    # Who is refused hears it at once, or when the wait is over.
    assert sorted(r[1] for r in refused)[len(refused) // 2] < 1.5, figures
    assert gateway.metric("pinion_turnstile_places", state="limit") >= 1


@pytest.fixture
def slow(start, serve):
    """A gateway in front of a server that answers when it is told to, two requests at once."""
    held = threading.Semaphore(0)

    def answer(*_):
        held.acquire()
        return completion()

    upstream = serve(answer)
    rules = [
        {"name": "first", "priority": 10, "when": "request.headers['x-class'] == 'first'"},
        {"name": "batch", "priority": -1, "when": "request.headers['x-class'] == 'batch'"},
    ]
    gateway = start(
        ai_backend("servers", upstream.port),
        model("chat", target("servers")),
        overload_policy(
            "servers",
            concurrency={"limit": 1},
            queue={"length": 2, "timeout": "20s", "target": "19s"},
            priorities=rules,
        ),
        arguments=["--concurrency", "1"],
    )
    yield gateway, upstream, held
    for _ in range(20):
        held.release()


def open_request(gateway, kind):
    """A request of class `kind` that waits for its answer."""
    client = Wire(gateway.port)
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": kind}]})
    client.send(
        "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\n"
        f"x-class: {kind}\nx-request-id: {kind}\ncontent-length: {len(body)}\n\n{body}"
    )
    return client


def waiting(gateway, count):
    """Waits until so many requests wait at the turnstile."""
    wait_until(
        lambda: gateway.metric("pinion_turnstile_places", state="waiting") == count,
        f"{count} waiting",
    )


def test_who_is_worth_more_goes_first_and_who_is_worth_nothing_never_waits(slow):
    gateway, upstream, held = slow
    inside = open_request(gateway, "usual-1")
    wait_until(lambda: upstream.requests, "the first request")
    usual = open_request(gateway, "usual-2")
    waiting(gateway, 1)
    batch = open_request(gateway, "batch").answer()
    assert batch.status == 429
    assert int(batch.field("retry-after")) >= 1
    error = json.loads(batch.body)["error"]
    assert error["code"] == "overloaded" and error["scope"] == "limit" and error["retryable"]
    first = open_request(gateway, "first")
    waiting(gateway, 2)
    # Two wait, which is as many as may. One more of the usual kind is turned away ...
    full = open_request(gateway, "usual-3").answer()
    assert full.status == 503 and full.field("retry-after")
    assert "2 wait" in json.loads(full.body)["error"]["message"]
    # ... and one that is worth more takes the place of one that is not.
    second = open_request(gateway, "first")
    pushed = usual.answer()
    assert pushed.status == 503
    assert "more urgent" in json.loads(pushed.body)["error"]["message"]
    for _ in range(3):
        held.release()
    assert [client.answer().status for client in (inside, first, second)] == [200, 200, 200]
    seen = [json.loads(entry.body)["messages"][0]["content"] for entry in upstream.requests]
    assert seen == ["usual-1", "first", "first"]
    wait_until(
        lambda: len([entry for entry in gateway.access_log() if "queue_ms" in entry]) == 3,
        "the records of those that waited",
    )
    code, text, _ = run("explain", "batch", "--admin", f"{HOST}:{gateway.admin}")
    assert code == 0 and "priority -1 by default/overload-servers/batch" in text, text


def test_who_leaves_the_queue_gives_its_place_to_the_next(slow):
    gateway, upstream, held = slow
    inside = open_request(gateway, "usual-1")
    wait_until(lambda: upstream.requests, "the first request")
    leaver = open_request(gateway, "usual-2")
    waiting(gateway, 1)
    last = open_request(gateway, "usual-3")
    waiting(gateway, 2)
    leaver.close()
    waiting(gateway, 1)
    held.release()
    held.release()
    assert inside.answer().status == 200
    assert last.answer().status == 200
    assert len(upstream.requests) == 2
    code, text, _ = run("get", "overload", "--admin", f"{HOST}:{gateway.admin}")
    assert code == 0 and "default/servers" in text, text


def test_an_overloaded_backend_spills_over_to_the_fallback(start, serve):
    hold = threading.Event()

    def answer(*_):
        hold.wait(20)
        return completion()

    first, second = serve(answer), serve(lambda *_: completion())
    gateway = start(
        ai_backend("first", first.port),
        ai_backend("second", second.port),
        model("chat", target("first"), fallbacks=[target("second")]),
        overload_policy("first", concurrency={"limit": 1}, queue={"length": 0}),
        arguments=["--concurrency", "1"],
    )
    inside = open_request(gateway, "usual")
    wait_until(lambda: first.requests, "the first request")
    assert gateway.chat("chat")[0] == 200
    assert len(second.requests) == 1
    hold.set()
    assert inside.answer().status == 200


def test_retries_of_all_backends_together_are_bounded(start, serve):
    upstreams = [serve(lambda *_: reply(b"no", status="503 Service Unavailable")) for _ in range(2)]
    retry = {"attempts": 3, "statuses": [503], "backoff": {"base": "1ms"}}
    gateway = start(
        *[backend(f"b{number}", upstream.port) for number, upstream in enumerate(upstreams)],
        *[
            route(f"r{number}", rule(f"b{number}", matches=[path(f"/{number}")]))
            for number in range(2)
        ],
        mesh(
            drainTimeout="2s",
            retryBudget={"percent": 0, "minPerSecond": 1},
            defaults={"retry": retry, "outlierDetection": {"consecutiveFailures": 0}},
        ),
        arguments=["--concurrency", "1"],
    )
    for _ in range(20):
        for number in range(2):
            assert gateway.request("GET", f"/{number}")[0] == 503
    arrived = [len(upstream.requests) for upstream in upstreams]
    # One for each of ten seconds; the backends' own budgets would allow every one of eighty.
    assert 41 <= sum(arrived) <= 52, arrived
    assert min(arrived) >= 20
    assert gateway.metric("pinion_retry_budget_exhausted_total") >= 20


def test_bytes_that_wait_are_bounded_and_what_is_under_way_goes_on(start, serve):
    upstream = serve(lambda *_: completion())
    gateway = start(
        ai_backend("servers", upstream.port),
        model("chat", target("servers")),
        mesh(drainTimeout="2s", limits={"waitingBytes": "1Mi"}),
        arguments=["--concurrency", "1"],
    )
    kept = open_request(gateway, "usual")
    assert kept.answer().status == 200
    message = {"role": "user", "content": "x" * 400_000}
    body = json.dumps({"model": "chat", "messages": [message]})
    uploads = []

    def level():
        return gateway.metric("pinion_pressure_level")

    def fill():
        """Begins one more upload until new requests are refused."""
        if level() >= 3:
            return True
        uploads.append(Wire(gateway.port))
        uploads[-1].socket.setblocking(False)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        uploads[-1].left = (head + body).encode()
        push(uploads[-1], len(head) + 300_000)
        return False

    def push(upload, most):
        """Sends what the gateway takes of the next `most` bytes."""
        try:
            sent = upload.socket.send(upload.left[:most])
            upload.left = upload.left[sent:]
        except BlockingIOError:
            pass

    try:
        wait_until(fill, "pressure", seconds=30, every=0.3)
        kept.send(
            "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\n"
            "content-length: 2\n\n{}"
        )
        answer = kept.answer()
        assert answer.status == 503 and answer.field("retry-after")
        # It was not looked at, so nobody knows that it is for a model.
        assert json.loads(answer.body)["code"] == "proxy-overloaded"
        for upload in uploads[2:]:
            upload.close()
        del uploads[2:]
        wait_until(lambda: level() == 0, "the end of the pressure")
        for upload in uploads:
            upload.socket.settimeout(10)
            upload.socket.sendall(upload.left)
            assert upload.answer().status == 200
        assert len(upstream.requests) == 3
        assert request(gateway.admin, "GET", "/ready")[0] == 200
        assert "pressure on memory, descriptors or room for bodies" in gateway.output()
    finally:
        for upload in uploads:
            upload.close()
