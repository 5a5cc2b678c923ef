// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

private func scan(_ text: String) throws(JSONFault) -> RequestFacts {
    let bytes = Array(text.utf8)
    return try RequestScanner.scan(bytes.span.bytes)
}

private func fault(_ text: String) -> JSONFault? {
    do {
        _ = try scan(text)
        return nil
    } catch {
        return error
    }
}

/// The bytes of `range` in `text`.
private func part(_ text: String, _ range: ByteRange?) -> String? {
    range.map { String(decoding: Array(text.utf8)[$0.range], as: UTF8.self) }
}

@Suite("Request scanner")
struct RequestScannerTests {
    @Test("every fact is found, whatever the order of the members")
    func facts() throws {
        let members = [
            #""model" : "gpt-\u0035""#, #""stream":true"#,
            #""stream_options":{"x":[{}],"include_usage": true }"#, #""max_tokens":100"#,
            #""max_completion_tokens":50"#, #""user":"alice""#, #""n":2"#, #""best_of":3"#,
            #""tools":[{"type":"function","model":"inner"}, {} ]"#,
            #""messages":[{"role":"user","content":"a \"model\":\"x\" é"}]"#,
            #""input":"abc""#, #""temperature":0.5"#, #""metadata":{"model":"no","Model":1}"#,
        ]
        for seed in 0..<200 as Range<UInt64> {
            var generator = RandomJSON(seed: seed)
            let ordered = generator.shuffled(members).map { generator.space() + $0 }
            let text = generator.space() + "{" + ordered.joined(separator: " ,") + " }\n"
            let facts = try scan(text)
            #expect(part(text, facts.model) == #"gpt-\u0035"#, "seed \(seed)")
            #expect(facts.modelHasEscapes)
            #expect(facts.stream)
            #expect(part(text, facts.streamOptions) == #"{"x":[{}],"include_usage": true }"#)
            #expect(facts.includeUsage == true)
            #expect(part(text, facts.includeUsageValue) == "true")
            #expect(facts.maxTokens == 50)
            #expect(facts.maxTokensCeiling == 100)
            #expect(part(text, facts.user) == "alice")
            #expect(facts.n == 2)
            #expect(facts.bestOf == 3)
            #expect(facts.toolCount == 2)
            #expect(!facts.isEmptyObject)
            #expect(Array(text.utf8)[facts.objectStart - 1] == UInt8(ascii: "{"))
            #expect(facts.inputBytes == 50 + 5, "seed \(seed)")
        }
    }

    @Test("an empty object has no facts")
    func empty() throws {
        let facts = try scan(" { } ")
        var expected = RequestFacts(objectStart: 2)
        expected.isEmptyObject = true
        #expect(facts == expected)
    }

    @Test("null counts as absent, and the place of include_usage is still known")
    func nulls() throws {
        let text = """
            {"model":null,"stream":null,"stream_options":{"include_usage":null},"n":null,
            "max_tokens":null,"user":null,"tools":null,"best_of":null}
            """
        let facts = try scan(text)
        #expect(facts.model == nil && facts.maxTokens == nil && facts.user == nil)
        #expect(facts.includeUsage == nil && !facts.stream && facts.n == nil)
        #expect(part(text, facts.includeUsageValue) == "null")
        // The place of the null is told, so that something can be put there.
        #expect(try scan(#"{"stream_options":null}"#).streamOptions == ByteRange(18, 22))
    }

    @Test(
        "a name we act on is refused twice, in any spelling",
        arguments: [
            "model", "stream", "stream_options", "max_tokens", "max_completion_tokens",
            "max_output_tokens", "user", "n", "best_of", "tools", "messages", "prompt", "input",
            "system", "instructions",
        ])
    func duplicates(name: String) {
        func escaped(_ character: Character) -> String {
            let code = String(character.asciiValue.map(Int.init) ?? 0, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - code.count) + code
        }
        let whole = name.map(escaped).joined()
        let last = name.dropLast() + escaped(name.last ?? " ")
        for spelling in [name, whole, String(last)] {
            #expect(fault("{\"x\":1,\"\(spelling)\":null}") == nil)
            for text in [
                "{\"\(name)\":null,\"\(spelling)\":null}",
                "{\"\(spelling)\":null,\"x\":{},\"\(name)\":null}",
            ] {
                #expect(fault(text)?.reason == .duplicateKey, "\(text)")
            }
        }
        let capital = Character(name.prefix(1).uppercased())
        let rest = name.dropFirst()
        for variant in [String(capital) + rest, name.uppercased(), escaped(capital) + rest] {
            let found = fault("{\"\(variant)\":null}")
            #expect(found?.reason == .caseVariantKey, "\(variant)")
            #expect(found?.code == .duplicateKey)
        }
    }

    @Test(
        "letters that fold to a letter of a name are refused like another case",
        arguments: [
            "\u{17F}tream", "\\u017ftream", "max_to\u{212A}ens", "max_to\\u212aens", "u\u{17F}er",
            "\u{131}nput", "\u{130}nput", "message\u{17F}",
        ])
    func folding(name: String) {
        #expect(fault("{\"\(name)\":null}")?.reason == .caseVariantKey)
    }

    @Test(
        "names that only resemble one pass",
        arguments: [
            "models", "mode", "", "модель", "strëam", "model\\u0000", "max_completion_tokens_",
            "N0",
            "inclu\u{E9}", "\\ud83d\\ude00", "include_usage", "Include_Usage",
        ])
    func resembling(name: String) { #expect(fault("{\"\(name)\":1,\"\(name)\":2}") == nil) }

    @Test(
        "include_usage is held to the same rules",
        arguments: [
            (#"{"include_usage":true,"include_usage":true}"#, .duplicateKey),
            (#"{"include_usage":null,"include_usag\u0065":true}"#, .duplicateKey),
            (#"{"Include_usage":true}"#, .caseVariantKey),
            ("{\"include_u\u{17F}age\":true}", .caseVariantKey),
            (#"{"include_usage":1}"#, .notABoolean), (#"{"include_usage":"true"}"#, .notABoolean),
            (#"[]"#, .notAnOptionsObject), (#"true"#, .notAnOptionsObject),
            (#"{"include_usage":true"#, .truncated),
        ] as [(String, JSONFault.Reason)])
    func options(value: String, reason: JSONFault.Reason) {
        let close = reason == .truncated ? "" : "}"
        #expect(fault("{\"stream_options\":" + value + close)?.reason == reason)
    }

    @Test(
        "values of the wrong type are refused",
        arguments: [
            (#""model":1"#, .notAString), (#""model":["a"]"#, .notAString),
            (#""user":{}"#, .notAString), (#""stream":"true""#, .notABoolean),
            (#""stream":1"#, .notABoolean), (#""max_tokens":-1"#, .notACount),
            (#""max_tokens":1e18"#, .notACount), (#""max_tokens":5.0"#, .notACount),
            (#""max_tokens":"5""#, .notACount), (#""max_tokens":9223372036854775808"#, .notACount),
            (#""max_tokens":-0"#, .notACount), (#""n":[]"#, .notACount), (#""n":true"#, .notACount),
            (#""best_of":0.5"#, .notACount), (#""tools":{}"#, .notAnArray),
            (#""tools":"x""#, .notAnArray),
        ] as [(String, JSONFault.Reason)])
    func types(member: String, reason: JSONFault.Reason) {
        let found = fault("{\(member)}")
        #expect(found?.reason == reason)
        #expect(found?.code == .wrongType)
    }

    @Test("largest count passes")
    func largest() throws {
        #expect(try scan(#"{"max_tokens":9223372036854775807}"#).maxTokens == .max)
        #expect(try scan(#"{"max_tokens":0}"#).maxTokens == 0)
    }

    @Test(
        "what is not one object is refused",
        arguments: [
            ("[]", .notAnObject), ("\"a\"", .notAnObject), ("null", .notAnObject), ("", .truncated),
            ("[", .truncated), ("{} {}", .trailingBytes), ("\u{FEFF}{}", .byteOrderMark),
            ("{\"a\":NaN}", .unexpectedByte), ("{\"a\":nul}", .unexpectedByte),
            ("{\"model\":nul}", .unexpectedByte), ("{,}", .unexpectedByte),
            ("{\"a\":1,,\"b\":1}", .unexpectedByte), ("{\"tools\":[1,]}", .unexpectedByte),
            ("{\"tools\":[1 1]}", .unexpectedByte), ("{\"model\":\"\\ud800\"}", .loneSurrogate),
            ("{\"messages\":\"\\udc00\"}", .loneSurrogate),
            ("{\"a\":" + String(repeating: "[", count: 2_000), .tooDeep),
            ("{\"tools\":" + String(repeating: "[", count: 64), .tooDeep),
            ("{\"stream_options\":{\"a\":" + String(repeating: "[", count: 63), .tooDeep),
            ("{\"n\":" + String(repeating: "1", count: 2_000), .numberTooLong),
        ] as [(String, JSONFault.Reason)])
    func documents(text: String, reason: JSONFault.Reason) {
        #expect(fault(text)?.reason == reason)
    }

    @Test("scanner and grammar judge damaged bodies alike, and no damage traps")
    func damage() {
        let body = """
            {"model":"m\\u0041","stream":true,"stream_options":{"include_usage":false},"n":1,
            "tools":[{"a":[1]}],"max_tokens":10,"messages":[{"content":"é"}],"user":"u"}
            """
        let alphabet = Array("{}[]:,\"\\ntu01-. \u{1}\u{80}\u{E9}".utf8)
        for seed in 0..<20_000 as Range<UInt64> {
            var generator = RandomJSON(seed: seed)
            let text = generator.damaged(Array(body.utf8), alphabet: alphabet)
            var isValid = true
            do { try JSONGrammar.validate(text.span.bytes) } catch { isValid = false }
            do {
                _ = try RequestScanner.scan(text.span.bytes)
                #expect(isValid, "seed \(seed)")
            } catch {
                // A fault of meaning may be met before one of grammar, never the reverse.
                #expect(!isValid || error.code != .invalidJSON, "seed \(seed)")
            }
        }
    }
}

@Suite("Request scanner against real servers")
struct ParserDifferentialTests {
    /// One body for each test of the differential table, in its order.
    private let bodies: [String: String] = [
        "dup": #"{"model":"cheap","model":"gpt-5"}"#,
        "escaped dup": #"{"model":"cheap","mode\u006c":"gpt-5"}"#,
        "case variant": #"{"model":"cheap","Model":"gpt-5"}"#,
        "BOM": "\u{FEFF}{\"model\":\"cheap\"}", "trailing value": #"{"model":"cheap"}{}"#,
        "NaN": #"{"model":"cheap","x":NaN}"#, "comment": #"{"model":"cheap"/*x*/}"#,
        "single-quote": #"{'model':'cheap'}"#,
        "lone surrogate": #"{"model":"cheap","x":"\ud800"}"#,
        "bigint": #"{"model":"cheap","x":123456789012345678901234567890}"#,
        "1e999": #"{"model":"cheap","x":1e999}"#,
        "NUL in other key": #"{"model":"cheap","x\u0000model":"gpt-5"}"#,
        "depth 2000": "{\"x\":" + String(repeating: "[", count: 2000)
            + String(repeating: "]", count: 2000) + "}",
        "depth 100000": "{\"x\":" + String(repeating: "[", count: 100_000)
            + String(repeating: "]", count: 100_000) + "}",
    ]

    @Test("where servers read different models out of one body, it is refused")
    func table() throws {
        guard let suite = try JSONSuites.load("json/parser_differential.json.gz") else { return }
        let tests = try #require(suite["tests"] as? [String])
        let results = try #require(suite["results"] as? [String: [String]])
        for (index, test) in tests.enumerated() {
            let body = try #require(bodies[test], "no body for \(test)")
            let answers = Set(results.values.map { $0[index] })
            // Servers that take the body but differ in what they take from it.
            let readings = answers.intersection(["F", "L", "f", "V"])
            if readings.count > 1 { #expect(fault(body)?.code == .duplicateKey, "\(test)") }
            if answers == ["rej"] { #expect(fault(body) != nil, "\(test)") }
        }
        #expect(tests.count == bodies.count)
        #expect(fault(bodies["BOM"] ?? "")?.reason == .byteOrderMark)
        #expect(fault(bodies["lone surrogate"] ?? "")?.reason == .loneSurrogate)
        #expect(fault(bodies["bigint"] ?? "") == nil)
        #expect(fault(bodies["NUL in other key"] ?? "") == nil)
    }
}
