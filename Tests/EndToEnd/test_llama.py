# SPDX-License-Identifier: Apache-2.0
"""The official client, through Pinion, to a real llama.cpp server."""

import pytest

from children import wait_until
from configuration import ai_backend, model, target

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def mesh(start, llama):
    """A gateway that offers llama.cpp's model under a name of its own."""
    return start(
        ai_backend("llama", llama.port, provider="llama.cpp"),
        model("quickstart", target("llama", model="tiny-random")),
    )


@pytest.fixture
def client(mesh):
    """The official client of the gateway."""
    return mesh.openai()


def test_a_chat_is_answered(client):
    answer = client.chat.completions.create(model="quickstart", messages=HELLO, max_tokens=8)
    assert answer.choices[0].message.content.strip()
    assert answer.usage.completion_tokens == 8


def test_a_chat_streams(client):
    stream = client.chat.completions.create(
        model="quickstart", messages=HELLO, max_tokens=16, stream=True
    )
    chunks = list(stream)
    words = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    assert len(words) == 16
    assert chunks[-1].choices[0].finish_reason == "length"


def test_usage_that_was_not_asked_for_is_counted_and_not_shown(mesh, client):
    chunks = list(
        client.chat.completions.create(
            model="quickstart", messages=HELLO, max_tokens=16, stream=True
        )
    )
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    expect_tokens(mesh, 16)


def test_usage_that_was_asked_for_is_shown(mesh, client):
    chunks = list(
        client.chat.completions.create(
            model="quickstart",
            messages=HELLO,
            max_tokens=5,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].usage.completion_tokens == 5
    expect_tokens(mesh, 5)


def test_texts_are_embedded(client):
    answer = client.embeddings.create(
        model="quickstart", input=["one", "two"], encoding_format="float"
    )
    assert [len(entry.embedding) for entry in answer.data] == [64, 64]
    assert answer.data[0].embedding != answer.data[1].embedding


def test_a_text_is_completed(client):
    answer = client.completions.create(model="quickstart", prompt="once", max_tokens=4)
    assert answer.choices[0].text.strip()
    assert answer.usage.completion_tokens == 4


def test_a_response_is_made(client):
    answer = client.responses.create(model="quickstart", input="hello", max_output_tokens=4)
    assert answer.output_text.strip()


def test_a_response_streams(client):
    stream = client.responses.create(
        model="quickstart", input="hello", max_output_tokens=4, stream=True
    )
    kinds = [entry.type for entry in stream]
    assert "response.output_text.delta" in kinds
    assert kinds[-1] in ("response.completed", "response.incomplete")


def test_the_models_are_those_of_the_mesh(client):
    assert [entry.id for entry in client.models.list()] == ["quickstart"]
    assert client.models.retrieve("quickstart").id == "quickstart"


def test_every_record_says_what_was_used(mesh, client):
    client.chat.completions.create(model="quickstart", messages=HELLO, max_tokens=3)
    record = wait_until(mesh.access_log, "the record")[-1]
    assert record["status"] == 200
    assert record["model"] == "quickstart"
    assert record["upstream_model"] == "tiny-random"
    assert record["operation"] == "chat"
    assert record["tokens_out"] == 3


def expect_tokens(mesh, count):
    """Waits until the metrics count `count` tokens of output."""
    wait_until(
        lambda: mesh.metric("gen_ai_client_token_usage_sum", gen_ai_token_type="output") == count,
        f"{count} tokens in the metrics",
        seconds=2,
    )
    assert mesh.metric("pinion_tokens_total", type="output") == count
