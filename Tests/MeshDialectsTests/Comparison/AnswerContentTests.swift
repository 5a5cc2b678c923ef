// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("What an answer says")
struct AnswerContentTests {
    private func read(_ text: String, _ operation: Operation = .chat) -> AnswerContent {
        let bytes = Array(text.utf8)
        return AnswerContent(bytes.span.bytes, operation: operation)
    }

    private func choices(_ content: AnswerContent) -> [AnswerContent.Choice] {
        if case .choices(let found) = content.kind { found } else { [] }
    }

    private static let document = #"""
        {"id":"a","choices":[{"index":0,"message":{"role":"assistant","content":"It is \u00fc.",
        "tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":
        "{\"a\":1,\"b\":2}"}}]},"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":7,"completion_tokens":9,
        "prompt_tokens_details":{"cached_tokens":3}}}
        """#

    private static let events = [
        #"{"choices":[{"index":0,"delta":{"role":"assistant","content":"It "}}]}"#,
        #"{"choices":[{"index":0,"delta":{"content":"is \u00fc."}}]}"#,
        #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c9","function":"#
            + #"{"name":"add","arguments":""}}]}}]}"#,
        #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":"#
            + #"{"arguments":"{\"a\":1,"}}]}}]}"#,
        #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":"#
            + #"{"arguments":"\"b\":2}"}}]}}]}"#,
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        #"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9,"#
            + #""prompt_tokens_details":{"cached_tokens":3}}}"#,
    ]

    private static func stream(_ events: [String], done: Bool = true) -> String {
        events.map { "data: \($0)\n\n" }.joined() + (done ? "data: [DONE]\n\n" : "")
    }

    @Test("a stream says what the document of the same answer says")
    func streamAndDocument() {
        let whole = read(Self.document)
        let streamed = read(Self.stream(Self.events))
        #expect(choices(whole) == choices(streamed))
        let choice = choices(whole).first
        #expect(choice?.text == "It is ü.")
        #expect(choice?.finish == "tool_calls")
        #expect(choice?.tools.map(\.name) == ["add"])
        #expect(choice?.tools.map(\.arguments) == [#"{"a":1,"b":2}"#])
        for content in [whole, streamed] {
            #expect(content.usage == TokenUsage(input: 7, output: 9, cachedInput: 3))
            #expect(!content.isFaulty)
        }
        #expect(whole.digest != streamed.digest)
    }

    @Test("several answers are kept apart, in the order of their numbers")
    func severalChoices() {
        let streamed = read(
            Self.stream([
                #"{"choices":[{"index":1,"delta":{"content":"B"}}]}"#,
                #"{"choices":[{"index":0,"delta":{"content":"A"}}]}"#,
                #"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
                #"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
            ]))
        #expect(choices(streamed).map(\.text) == ["A", "Bb"])
        #expect(choices(streamed).map(\.finish) == ["length", "stop"])
        #expect(streamed.text == "A\nBb")
    }

    @Test(
        "a stream that does not say that it is over, or reports a failure, is faulty",
        arguments: [
            (Array(Self.events[..<3]), false, true), (Array(Self.events[..<3]), true, false),
            (Array(Self.events[..<6]), false, false),
            ([#"{"error":{"message":"no"}}"#], true, true), (["{"], true, true),
        ])
    func faulty(events: [String], done: Bool, isFaulty: Bool) {
        #expect(read(Self.stream(events, done: done)).isFaulty == isFaulty)
    }

    @Test("a failure that is told as a document is faulty")
    func failure() {
        #expect(read(#"{"error":{"message":"no","code":500}}"#).isFaulty)
        #expect(!read(#"{"error":null,"choices":[]}"#).isFaulty)
    }

    @Test("completions, parts of content, refusals and old function calls are read")
    func shapes() {
        #expect(
            choices(read(#"{"choices":[{"text":"abc","finish_reason":"stop"}]}"#, .textCompletion))
                .map(\.text) == ["abc"])
        #expect(
            choices(read(Self.stream([#"{"choices":[{"index":0,"text":"ab"}]}"#]), .textCompletion))
                .map(\.text) == ["ab"])
        #expect(
            choices(
                read(#"{"choices":[{"message":{"content":[{"text":"a"},{"text":"b"}]}}]}"#)
            ).map(\.text) == ["ab"])
        #expect(
            choices(read(#"{"choices":[{"message":{"content":null,"refusal":"I will not."}}]}"#))
                .map(\.text) == ["I will not."])
        let old = choices(
            read(#"{"choices":[{"message":{"function_call":{"name":"f","arguments":{"a":1}}}}]}"#))
        #expect(old.first?.tools.map(\.name) == ["f"])
        #expect(old.first?.tools.map(\.arguments) == [#"{"a":1}"#])
    }

    @Test("the Responses API says the same as a document and as a stream")
    func responses() {
        let response =
            #"{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","#
            + #""text":"Hello"}]},{"type":"function_call","name":"f","arguments":"{}"}],"#
            + #""usage":{"input_tokens":3,"output_tokens":4}}"#
        let streamed = Self.stream(
            [
                #"{"type":"response.output_text.delta","delta":"Hel"}"#,
                #"{"type":"response.completed","response":\#(response)}"#,
            ], done: false)
        for text in [response, streamed] {
            let content = read(text, .responses)
            #expect(choices(content).map(\.text) == ["Hello"])
            #expect(choices(content).first?.tools.map(\.name) == ["f"])
            #expect(choices(content).first?.finish == "completed")
            #expect(content.usage == TokenUsage(input: 3, output: 4))
            #expect(!content.isFaulty)
        }
        let cut = Self.stream(
            [#"{"type":"response.output_text.delta","delta":"Hel"}"#], done: false)
        #expect(choices(read(cut, .responses)).map(\.text) == ["Hel"])
        #expect(read(cut, .responses).isFaulty)
    }

    @Test("what holds no answers is a document, and what is no JSON is bytes")
    func others() throws {
        guard case .document(let tree) = read(#"{"data":[1]}"#, .embeddings).kind else {
            Issue.record("embeddings are a document")
            return
        }
        #expect(tree["data"]?.elements?.count == 1)
        for text in ["", "<html>", "{\"a\":", #"{"a":1,"a":2}"#] {
            guard case .bytes = read(text, .none).kind else {
                Issue.record("\(text) is no document")
                continue
            }
        }
    }

    @Test("no bytes are too odd to be read", arguments: [UInt64](1...20))
    func anything(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let whole = Array((Self.stream(Self.events) + Self.document).utf8)
        for _ in 0..<100 {
            var bytes = Array(whole[random.below(40)..<(40 + random.below(whole.count - 40))])
            for _ in 0..<random.below(4) {
                bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            for operation in [Operation.chat, .textCompletion, .responses, .embeddings, .none] {
                let content = AnswerContent(bytes.span.bytes, operation: operation)
                let same = AnswerComparison(content, content)
                #expect(same.sameText && same.sameStructure, "seed \(seed)")
                #expect(same.sameValues != false && same.sameTools != false)
            }
        }
    }
}
