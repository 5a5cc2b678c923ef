// SPDX-License-Identifier: Apache-2.0

import MeshSimulator
import Testing

@testable import MeshModelServer

/// Answers over a real socket.
struct GenerationTests {
    @Test("a chat stream says its role first, then pieces, finish, usage and [DONE]")
    func chatStream() async throws {
        try await withServer { client, _ in
            let body = chat(
                "why rivers?", ("stream", true), ("stream_options", ["include_usage": true]))
            let response = try await client.post("/v1/chat/completions", body)
            #expect(response.status == 200)
            #expect(response.head.contains("content-type: text/event-stream"))
            #expect(response.events.last == "[DONE]")
            #expect(response.isComplete)
            let chunks = response.chunks
            let deltas = chunks.compactMap { $0["choices"]?.elements?.first?["delta"] }
            #expect(deltas.first?["role"]?.text == "assistant")
            let pieces = deltas.dropFirst().compactMap { $0["content"]?.text }
            #expect(pieces.joined().contains("tiny"))
            #expect(pieces.joined().contains("why rivers?"))
            let usage = try #require(chunks.last?["usage"])
            #expect(usage["completion_tokens"]?.whole == pieces.count)
            let sum = (usage["prompt_tokens"]?.whole ?? 0) + pieces.count
            #expect(usage["total_tokens"]?.whole == sum)
            #expect(usage["prompt_tokens_details"]?["cached_tokens"]?.whole == 0)
            let finishes = chunks.compactMap {
                $0["choices"]?.elements?.first?["finish_reason"]?.text
            }
            #expect(finishes == ["stop"])
            #expect(Set(chunks.compactMap { $0["id"]?.text }).count == 1)
        }
    }

    @Test("the same question has the same answer, streamed or whole")
    func whole() async throws {
        try await withServer { client, _ in
            let whole = try await client.post("/v1/chat/completions", chat()).json
            let stream = try await client.post(
                "/v1/chat/completions", chat("why rivers?", ("stream", true)))
            let told = stream.chunks.compactMap {
                $0["choices"]?.elements?.first?["delta"]?["content"]?.text
            }.joined()
            let message = whole["choices"]?.elements?.first?["message"]
            #expect(message?["content"]?.text == told)
            #expect(!told.isEmpty)
        }
    }

    @Test("max_tokens cuts the answer and says length", arguments: [1, 5, 20])
    func length(bound: Int) async throws {
        try await withServer { client, _ in
            for field in ["max_tokens", "max_completion_tokens"] {
                let body = chat("x", (field, .integer(bound)), ("n", 2))
                let answer = try await client.post("/v1/chat/completions", body).json
                let choices = answer["choices"]?.elements ?? []
                #expect(choices.compactMap { $0["finish_reason"]?.text } == ["length", "length"])
                #expect(answer["usage"]?["completion_tokens"]?.whole == 2 * bound)
            }
        }
    }

    @Test("x-sim-tokens gives exactly its tokens, in their interval")
    func exactTokens() async throws {
        try await withServer(.small) { client, _ in
            let headers = [("x-sim-tokens", "100"), ("x-sim-interval-ms", "1")]
            let begun = ContinuousClock.now
            let body = chat("x", ("stream", true))
            let response = try await client.post("/v1/chat/completions", body, headers)
            let time = ContinuousClock.now - begun
            // Role, 100 pieces, finish, [DONE].
            #expect(response.events.count == 103)
            #expect(time > .milliseconds(99))
        }
    }

    @Test("a stop sequence ends the answer before it appears")
    func stopSequence() async throws {
        try await withServer { client, _ in
            let body = chat("x", ("stop", ["model."]))
            let answer = try await client.post("/v1/chat/completions", body).json
            let choice = answer["choices"]?.elements?.first
            #expect(choice?["message"]?["content"]?.text == "This is tiny, a simulated ")
            #expect(choice?["finish_reason"]?.text == "stop")
        }
    }

    @Test("a demanded tool is called with empty arguments")
    func tool() async throws {
        try await withServer { client, _ in
            let tools: JSON = [["type": "function", "function": ["name": "weather"]]]
            let body = chat("x", ("tools", tools), ("tool_choice", "required"))
            let answer = try await client.post("/v1/chat/completions", body).json
            let choice = answer["choices"]?.elements?.first
            #expect(choice?["finish_reason"]?.text == "tool_calls")
            let call = choice?["message"]?["tool_calls"]?.elements?.first
            #expect(call?["function"] == ["name": "weather", "arguments": "{}"])
        }
    }

    @Test("completions answer each prompt, and stream as text")
    func completions() async throws {
        try await withServer { client, _ in
            let body: JSON = ["model": "tiny", "prompt": ["one", "two"], "max_tokens": 3]
            let answer = try await client.post("/v1/completions", body).json
            #expect(answer["object"]?.text == "text_completion")
            #expect(answer["choices"]?.elements?.count == 2)
            let stream: JSON = ["model": "tiny", "prompt": "one", "stream": true]
            let response = try await client.post("/v1/completions", stream)
            #expect(response.events.last == "[DONE]")
            let pieces = response.chunks.compactMap {
                $0["choices"]?.elements?.first?["text"]?.text
            }
            #expect(pieces.joined().hasPrefix("This is tiny"))
        }
    }

    @Test("responses stream their events in order and number")
    func responses() async throws {
        try await withServer { client, _ in
            let body: JSON = ["model": "tiny", "input": "hello", "stream": true]
            let response = try await client.post("/v1/responses", body)
            let types = response.chunks.compactMap { $0["type"]?.text }
            let stages = types.filter { $0 != "response.output_text.delta" }
            #expect(
                stages == [
                    "response.created", "response.in_progress", "response.output_item.added",
                    "response.content_part.added", "response.output_text.done",
                    "response.content_part.done", "response.output_item.done",
                    "response.completed",
                ])
            let numbers = response.chunks.compactMap { $0["sequence_number"]?.whole }
            #expect(numbers == Array(0..<types.count))
            let deltas = response.chunks.compactMap { $0["delta"]?.text }
            let last = response.chunks.last?["response"]
            let text = last?["output"]?.elements?.first?["content"]?.elements?.first?["text"]
            #expect(text?.text == deltas.joined())
            #expect(last?["usage"]?["output_tokens"]?.whole == deltas.count)
            #expect(response.body.contains("event: response.completed\n"))
        }
    }

    @Test("a conversation that goes on finds its beginning in the cache")
    func cachedPrefix() async throws {
        try await withServer { client, _ in
            let long = String(repeating: "river ", count: 100)
            let first = try await client.post("/v1/chat/completions", chat(long)).json
            let said = first["choices"]?.elements?.first?["message"]?["content"] ?? nil
            let messages: JSON = [
                ["role": "user", "content": .string(long)],
                ["role": "assistant", "content": said], ["role": "user", "content": "and?"],
            ]
            let body: JSON = ["model": "tiny", "messages": messages]
            let second = try await client.post("/v1/chat/completions", body).json
            let cached = second["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.whole ?? 0
            let spent = first["usage"]?["total_tokens"]?.whole ?? 0
            #expect(cached > spent - 32, "prompt and answer are both found again")
            var other = chat(long)
            if case .object(var members) = other {
                members[0].value = "org/large"
                other = .object(members)
            }
            let third = try await client.post("/v1/chat/completions", other).json
            #expect(third["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.whole == 0)
        }
    }

    @Test("a reader that begins late still gets every event")
    func slowReader() async throws {
        try await withServer { client, _ in
            let headers = [("x-sim-tokens", "20000")]
            let body = chat("x", ("stream", true))
            var isFirst = true
            let response = try await client.post("/v1/chat/completions", body, headers) { _ in
                // Nobody reads meanwhile, so that the server meets a full socket.
                if isFirst { try? await Task.sleep(for: .milliseconds(200)) }
                isFirst = false
                return false
            }
            let isComplete = response.isComplete
            let count = response.events.count
            #expect(isComplete)
            #expect(count == 20_003)
        }
    }
}
