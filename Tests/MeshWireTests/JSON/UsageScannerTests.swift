// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

private func tail(_ text: String, nested: Bool = false) -> TokenUsage? {
    let bytes = Array(text.utf8)
    return UsageScanner.usage(inTail: bytes.span.bytes, nested: nested)
}

private func facts(_ text: String, nested: Bool = false) -> EventFacts {
    let bytes = Array(text.utf8)
    return UsageScanner.facts(inEvent: bytes.span.bytes, nested: nested)
}

private let usage = #"{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46}"#
private let counts = TokenUsage(input: 12, output: 34, total: 46)

@Suite("Token usage at the end of an answer")
struct UsageTailTests {
    @Test(
        "the counts of a whole answer are found",
        arguments: [
            #"{"id":"x","choices":[{"message":{"content":"hi"}}],"usage":U}"#,
            #"{"usage":U}"#, #"{"usage" : U , "x":[1,{"a":"}"}], "y":null }  \#n"#,
            #"{"choices":[{"usage":{"a":1}}],"usage":U,"system_fingerprint":"fp"}"#,
            #"{"a":"\"usage\":{\"prompt_tokens\":9}","usage":U}"#,
            #"{"usage":U,"extra":{"usage":{"prompt_tokens":9}}}"#,
            #"{"usage":U,"last":"\\","usage_note":"usage"}"#,
        ])
    func found(text: String) {
        let whole = text.replacing("U", with: usage)
        #expect(tail(whole) == counts)
        #expect(tail(whole, nested: true) == counts)
    }

    @Test(
        "no counts are made up",
        arguments: [
            "", "{}", #"{"usage":null}"#, #"{"usage":"#, #"{"usage":U"#, #"{"usage":U}}"#,
            #"{"usage":U}{"#, #"{"usage":U,}"#, #"{"usage":U "x":1}"#, #"{"x":{"usage":U}}"#,
            #"[{"usage":U}]"#, #"{"a":"\"usage\":U"}"#, #"{"a":"usage","b":U}"#,
            #"{"usage":[U]}"#, #"{"usage":U,"x":tru}"#, #"{"a":\"usage":U}"#,
        ])
    func none(text: String) { #expect(tail(text.replacing("U", with: usage)) == nil) }

    @Test("usage one level down counts only when asked for")
    func nested() {
        let text = #"{"type":"response.completed","response":{"a":1,"usage":U,"b":2},"c":[]}"#
            .replacing("U", with: usage)
        #expect(tail(text) == nil)
        #expect(tail(text, nested: true) == counts)
        #expect(tail("{\"a\":" + text + "}", nested: true) == nil)
    }

    @Test("any window that holds the whole usage finds it, any smaller finds nothing")
    func windows() {
        let text = Array(
            (#"{"choices":[{"message":{"content":"say \"usage\":{\\\"x"}}],"usage":"# + usage
                + #","fp":"é"}"#).utf8)
        let place = text.count - Array((#""usage":"# + usage + #","fp":"é"}"#).utf8).count
        for start in 0...text.count {
            let found = UsageScanner.usage(inTail: text.span.bytes.extracting(start..<text.count))
            #expect(found == (start <= place ? counts : nil), "window from \(start)")
        }
    }

    @Test("only the last 8 KiB are looked at, and hostile answers stay cheap")
    func bounds() {
        let far = "{\"usage\":\(usage),\"x\":\"" + String(repeating: "x", count: 8200) + "\"}"
        #expect(tail(far) == nil)
        let many = String(repeating: "{\"usage\":{", count: 100_000)
        #expect(tail(many) == nil)
    }
}

@Suite("Token counts")
struct TokenUsageTests {
    private func read(_ object: String) -> TokenUsage? { tail("{\"usage\":\(object)}") }

    @Test("names of chat and of responses are read, with their details")
    func names() {
        let expected = TokenUsage(
            input: 100, output: 50, cachedInput: 64, reasoningOutput: 20, total: 150)
        let chat = #"""
            {"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"audio_tokens":0,"cached_tokens":64},
            "completion_tokens_details":{"reasoning_tokens":20,"x":null}}
            """#
        let responses = #"""
            {"input_tokens":100,"input_tokens_details":{"cached_tokens":64},"output_tokens":50,
            "output_tokens_details":{"reasoning_tokens":20},"total_tokens":150}
            """#
        #expect(read(chat) == expected)
        #expect(read(responses) == expected)
        let input = #"{"prompt_tokens":7,"total_tokens":7,"prompt_tokens_details":null}"#
        #expect(read(input) == TokenUsage(input: 7, output: 0))
    }

    @Test(
        "an unusable input or output count makes the report void",
        arguments: [
            "-1", "1.5", "1e3", "18446744073709551616", "99999999999999999999999", "\"5\"", "true",
            "{}", "[]", "-0",
        ])
    func unusable(literal: String) {
        #expect(read("{\"prompt_tokens\":\(literal),\"completion_tokens\":5}") == nil)
        #expect(read("{\"input_tokens\":5,\"output_tokens\":\(literal)}") == nil)
        let counted = "\"prompt_tokens\":1,\"completion_tokens\":2"
        let total = read("{\(counted),\"total_tokens\":\(literal)}")
        #expect(total == TokenUsage(input: 1, output: 2, total: 3))
        let details = "{\"cached_tokens\":\(literal)}"
        let detailed = read("{\"prompt_tokens\":1,\"prompt_tokens_details\":\(details)}")
        #expect(detailed == TokenUsage(input: 1, output: 0))
    }

    @Test("counts never wrap and parts never exceed their whole")
    func bounds() {
        let largest = "18446744073709551615"
        let both = read("{\"prompt_tokens\":\(largest),\"completion_tokens\":\(largest)}")
        #expect(both?.total == .max && both?.input == .max)
        let parts = #"""
            {"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":11},
            "completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":4}}
            """#
        #expect(read(parts)?.cachedInput == 10)
        #expect(read(parts)?.reasoningOutput == 3)
    }

    @Test("null counts as absent, and a report of nothing is no report")
    func absent() {
        #expect(read("{}") == nil)
        #expect(read(#"{"prompt_tokens":null,"total_tokens":9}"#) == nil)
        #expect(read(#"{"prompt_tokens":null,"output_tokens":9}"#)?.output == 9)
        #expect(read(#"{"prompt_tokens":3,"input_tokens":5,"prompt_tokens":4}"#)?.input == 5)
    }
}

@Suite("Facts of one event")
struct EventFactsTests {
    @Test(
        "an ordinary event has no facts",
        arguments: [
            #"{"choices":[{"delta":{"content":"hi"},"finish_reason":null}],"usage":null}"#,
            #"{"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":1}"}}]}"#,
            #"{"choices":[{"delta":{"content":"\"finish_reason\":\"stop\" \"error\":{}"}}]}"#,
            #"{"choices":[{"usage":U}]}"#, #"{"x":{"error":{}}}"#, #"{"error":null}"#,
            "[DONE]", "", "{}", "not json", #"{"usage":U"#, #"{"usage":U}}"#,
        ])
    func none(data: String) {
        #expect(facts(data.replacing("U", with: usage)) == EventFacts())
    }

    @Test(
        "usage is found with and beside choices",
        arguments: [
            (#"{"choices":[],"usage":U}"#, true), (#"{"usage" : U,"choices": [ ] }"#, true),
            (#"{"choices":[{"index":0}],"usage":U}"#, false), (#"{"usage":U}"#, false),
        ])
    func usageEvent(data: String, isUsageOnly: Bool) {
        let found = facts(data.replacing("U", with: usage)).usage
        #expect(found == EventUsage(usage: counts, isUsageOnly: isUsageOnly))
    }

    @Test(
        "usage within response or message counts only when asked for",
        arguments: [
            #"{"type":"response.completed","response":{"id":"r","usage":U,"error":null}}"#,
            #"{"type":"message_start","message":{"model":"m","usage":U}}"#,
        ])
    func nested(data: String) {
        let text = data.replacing("U", with: usage)
        #expect(facts(text).usage == nil)
        #expect(facts(text, nested: true).usage?.usage == counts)
        #expect(!facts(text, nested: true).isError)
    }

    @Test("a finish reason and an error are noticed at every alignment")
    func marks() {
        for padding in 0..<24 {
            let id = String(repeating: "i", count: padding)
            let finish = facts("{\"id\":\"\(id)\",\"choices\":[{\"finish_reason\":\"stop\"}]}")
            #expect(finish.hasFinishReason && !finish.isError && finish.usage == nil)
            for value in ["{}", "{\"message\":\"m\"}", "\"overloaded\""] {
                let error = facts("{\"id\":\"\(id)\",\"error\" : \(value)}")
                #expect(error.isError && !error.hasFinishReason)
            }
            #expect(facts("{\"id\":\"\(id)\",\"usage\":\(usage)}").usage?.usage == counts)
        }
    }

    @Test("the short questions give the same answers")
    func wrappers() {
        let bytes = Array("{\"finish_reason\":\"x\",\"error\":{},\"usage\":\(usage)}".utf8)
        let hasFinishReason = UsageScanner.hasFinishReason(inEvent: bytes.span.bytes)
        let isError = UsageScanner.isError(inEvent: bytes.span.bytes)
        let found = UsageScanner.usage(inEvent: bytes.span.bytes)
        #expect(hasFinishReason && isError && found?.usage == counts)
    }

    @Test("no damage to an event traps")
    func damage() {
        let data = Array("{\"choices\":[],\"error\":{},\"usage\":\(usage),\"u\":\"é\\n\"}".utf8)
        let alphabet = Array("{}[]:,\"\\u0 \u{80}".utf8)
        var reports = 0
        for seed in 0..<20_000 as Range<UInt64> {
            var generator = RandomJSON(seed: seed)
            let text = generator.damaged(data, alphabet: alphabet)
            if UsageScanner.facts(inEvent: text.span.bytes).usage != nil { reports += 1 }
            _ = UsageScanner.usage(inTail: text.span.bytes, nested: seed & 1 == 0)
        }
        #expect(reports > 0)
    }
}
