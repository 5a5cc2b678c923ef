# SPDX-License-Identifier: Apache-2.0
"""The official client, through Pinion, to the simulated model server and to scripted ones."""

import gzip
import json

import openai
import pytest

from configuration import ai_backend, model, policy, target
from children import free_port
from wire import STREAM_HEAD, Wire, chunk, completion, delta, reply

HELLO = [{"role": "user", "content": "hello"}]


def offer(*ports, name="chat", **options):
    """The resources of one model on one backend."""
    return [ai_backend("servers", *ports), model(name, target("servers", model="tiny"), **options)]


@pytest.fixture
def sim(simulate):
    """A simulated server of the model `tiny`."""
    return simulate("tiny")


@pytest.fixture
def mesh(start, sim):
    """A gateway that offers `tiny` as `chat`."""
    return start(*offer(sim.port))


def test_every_surface_works(mesh):
    client = mesh.openai()
    chat = client.chat.completions.create(model="chat", messages=HELLO, max_tokens=4)
    assert chat.choices[0].message.content
    stream = client.chat.completions.create(model="chat", messages=HELLO, stream=True)
    assert "".join(part.choices[0].delta.content or "" for part in stream)
    assert client.embeddings.create(model="chat", input="hello").data[0].embedding
    assert client.completions.create(model="chat", prompt="hello").choices[0].text
    assert client.responses.create(model="chat", input="hello").output_text


def test_only_the_model_name_changes_on_the_way(mesh, sim):
    body = b'{ "user" :"\\u00e9",  "messages":[ {"role":"user","content":"a\\"b"} ],\n'
    body += b'"x":1.50, "model" : "chat" }'
    mesh.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    seen = sim.requests()[-1]["body"].encode()
    assert seen == body.replace(b'"chat"', b'"tiny"')


def test_an_unknown_model_is_not_found(mesh, sim):
    with pytest.raises(openai.NotFoundError) as caught:
        mesh.openai().chat.completions.create(model="absent", messages=HELLO)
    assert caught.value.body["code"] == "model_not_found"
    assert "absent" in caught.value.body["message"]
    assert sim.requests() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"messages":[]}',
        b'{"model":7}',
        b'\xef\xbb\xbf{"model":"chat"}',
        b'{"model":"chat","model":"chat"}',
        b'{"model":"chat","mod\\u0065l":"other"}',
        b'{"model":"chat","Model":"other"}',
        b'{"model":"chat","stream":true,"stream":false}',
        b'{"model":"chat","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
)
def test_a_body_that_two_parsers_could_read_differently_is_refused(mesh, sim, body):
    headers = {"content-type": "application/json"}
    status, fields, answer = mesh.request("POST", "/v1/chat/completions", body, headers)
    assert status == 400
    assert fields["content-type"].startswith("application/json")
    assert json.loads(answer)["error"]["code"]
    assert sim.requests() == []


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip", "unheard-of"])
def test_a_body_that_no_rule_could_read_is_refused(mesh, sim, coding):
    body = gzip.compress(b'{"model":"chat","messages":[]}')
    headers = {"content-type": "application/json", "content-encoding": coding}
    status, _, _ = mesh.request("POST", "/v1/chat/completions", body, headers)
    assert status == 415
    assert sim.requests() == []


def test_errors_of_the_server_pass_as_they_are(mesh):
    with pytest.raises(openai.RateLimitError) as caught:
        mesh.openai().chat.completions.create(
            model="chat",
            messages=HELLO,
            extra_headers={"x-sim-status": "429", "x-sim-retry-after": "7"},
        )
    assert caught.value.response.headers["retry-after"] == "7"


def test_a_server_that_fails_once_is_asked_again(start, serve):
    answers = [reply(b"{}", "503 Service Unavailable"), completion()]
    upstream = serve(lambda *_: answers.pop(0) if len(answers) > 1 else answers[0])
    retry = {"attempts": 2, "statuses": [503], "backoff": {"base": "1ms", "max": "5ms"}}
    mesh = start(*offer(upstream.port), policy("Model", "chat", retry=retry))
    answer = mesh.openai().chat.completions.create(model="chat", messages=HELLO)
    assert answer.choices[0].message.content == "hello"
    assert len(upstream.requests) == 2
    assert upstream.requests[0].body == upstream.requests[1].body


def test_the_clients_own_retry_works(start, serve):
    failed = reply(b"{}", "503 Service Unavailable", retry_after_ms="1")
    answers = [failed, completion()]
    upstream = serve(lambda *_: answers.pop(0) if len(answers) > 1 else answers[0])
    mesh = start(*offer(upstream.port))
    client = mesh.openai(max_retries=2)
    assert client.chat.completions.create(model="chat", messages=HELLO).choices


def test_a_server_that_is_down_costs_no_request(start, sim):
    mesh = start(*offer(free_port(), sim.port))
    for _ in range(10):
        assert mesh.chat("chat")[0] == 200


def test_the_fallback_serves_when_the_first_choice_is_down(start, sim):
    mesh = start(
        ai_backend("first", free_port()),
        ai_backend("second", sim.port),
        model("chat", target("first"), fallbacks=[target("second", model="tiny")]),
    )
    assert mesh.openai().chat.completions.create(model="chat", messages=HELLO).choices
    assert sim.requests()


def test_no_server_at_all_is_said_so(start):
    mesh = start(*offer(free_port()))
    with pytest.raises(openai.InternalServerError) as caught:
        mesh.openai().chat.completions.create(model="chat", messages=HELLO)
    assert caught.value.status_code == 503
    assert caught.value.body["code"] == "upstream-unreachable"


def test_traffic_is_split_by_weight(start, serve):
    large, small = serve(lambda *_: completion()), serve(lambda *_: completion())
    mesh = start(
        ai_backend("large", large.port),
        ai_backend("small", small.port),
        model("chat", target("large", 90), target("small", 10)),
    )
    for _ in range(300):
        assert mesh.chat("chat")[0] == 200
    # Ten percent of 300 with five standard deviations to either side.
    assert 4 <= len(small.requests) <= 56
    assert len(large.requests) + len(small.requests) == 300


def test_a_late_first_byte_is_a_timeout(start, sim):
    mesh = start(*offer(sim.port), policy("Model", "chat", timeouts={"firstByte": "200ms"}))
    with pytest.raises(openai.InternalServerError) as caught:
        mesh.openai().chat.completions.create(
            model="chat", messages=HELLO, extra_headers={"x-sim-delay-ms": "5000"}
        )
    assert caught.value.status_code == 504
    assert caught.value.body["code"] == "first-byte-timeout"


def test_the_clients_own_timeout_works(mesh):
    with pytest.raises(openai.APITimeoutError):
        mesh.openai(timeout=0.3).chat.completions.create(
            model="chat", messages=HELLO, extra_headers={"x-sim-delay-ms": "5000"}
        )


def how_it_ended(stream):
    """The code of the error that `stream` ended with after some chunks; None when cleanly."""
    assert next(iter(stream)).choices
    try:
        for _ in stream:
            pass
    except openai.APIError as error:
        return error.code
    return None


@pytest.mark.parametrize("fault", ["x-sim-cut-after", "x-sim-reset-after"])
def test_a_stream_that_was_cut_never_ends_cleanly(mesh, fault):
    stream = mesh.openai().chat.completions.create(
        model="chat",
        messages=HELLO,
        stream=True,
        extra_headers={fault: "3", "x-sim-tokens": "20"},
    )
    assert how_it_ended(stream) == "stream-truncated"


def test_a_stream_that_stalls_is_ended_with_an_error(start, sim):
    mesh = start(*offer(sim.port), policy("Model", "chat", timeouts={"streamIdle": "300ms"}))
    stream = mesh.openai().chat.completions.create(
        model="chat",
        messages=HELLO,
        stream=True,
        extra_headers={"x-sim-stall-after": "3", "x-sim-tokens": "20"},
    )
    assert how_it_ended(stream) == "stream-stalled"


def test_a_stream_without_its_last_event_has_no_proper_end_on_the_wire(start, serve):
    def answer(_, connection):
        connection.sendall(STREAM_HEAD + chunk(delta("half")) + b"0\r\n\r\n")
        return b""

    mesh = start(*offer(serve(answer).port))
    body = json.dumps({"model": "chat", "stream": True, "messages": HELLO})
    with Wire(mesh.port) as client:
        client.send(
            "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\n"
            f"content-length: {len(body)}\n\n{body}"
        )
        received = b""
        while part := client.stream.read1(65536):
            received += part
    assert b"half" in received
    assert b"stream-truncated" in received
    assert b"[DONE]" not in received
    assert not received.endswith(b"0\r\n\r\n")


def test_events_pass_as_they_come(mesh):
    stream = mesh.openai().chat.completions.create(
        model="chat",
        messages=HELLO,
        stream=True,
        extra_headers={"x-sim-stall-after": "3", "x-sim-tokens": "20"},
    )
    # The server holds the rest back: what it sent must arrive without it.
    first = next(iter(stream))
    assert first.choices
    stream.close()


def test_the_callers_credential_stays_here_and_ours_is_sent(start, serve):
    upstream = serve(lambda *_: completion())
    credential = {"env": "E2E_UPSTREAM_KEY"}
    mesh = start(
        ai_backend("servers", upstream.port, credential=credential),
        model("chat", target("servers")),
        environment={"E2E_UPSTREAM_KEY": "canary-5f3a"},
    )
    client = mesh.openai(api_key="callers-own")
    client.chat.completions.create(model="chat", messages=HELLO)
    seen = upstream.requests[0]
    assert seen.field("authorization") == "Bearer canary-5f3a"
    assert "callers-own" not in str(seen.fields)
    assert "canary" not in mesh.output()
    assert "canary" not in str(mesh.metrics())
