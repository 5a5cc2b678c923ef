// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("Going on with an answer of the Responses API")
struct ResponseLogTests {
    /// What several servers, one behind the other, give the caller.
    struct Splice {
        let log: ResumeLog
        var events: [[String: Any]] = []
        var names: [String] = []
        var fault: StreamRelay.Fault?
        var usage: TokenUsage?

        init(
            _ servers: [[String]], by method: ResumeLog.Method = .restart, bytesMax: Int = 65_536
        ) throws {
            log = ResumeLog(bytesMax: bytesMax, isResponse: true)
            var output: [UInt8] = []
            for (number, events) in servers.enumerated() {
                if number > 0 {
                    log.brokeOff()
                    log.goOn(by: method)
                }
                var relay = StreamRelay(
                    eventBytesMax: 1 << 20, stripsUsage: false, endsByType: true)
                for event in events {
                    let name = try object(Array(event.utf8))["type"] as? String ?? ""
                    let bytes = Array("event: \(name)\ndata: \(event)\n\n".utf8)
                    let before = output.count
                    let verdict = relay.consume(bytes.span.bytes, log: log, into: &output)
                    if verdict == .unchanged, output.count == before { output += bytes }
                }
                if number == servers.count - 1 { relay.finish(log: log, into: &output) }
                fault = relay.fault
                usage = relay.usage.map { log.total(with: $0) }
            }
            for part in String(decoding: output, as: UTF8.self).components(separatedBy: "\n\n")
            where !part.isEmpty {
                let lines = part.components(separatedBy: "\n")
                try #require(lines.count == 2 && lines[1].hasPrefix("data: "), "\(part)")
                names.append(String(lines[0].dropFirst(7)))
                events.append(try object(Array(lines[1].dropFirst(6).utf8)))
            }
        }

        /// The texts of the deltas of `kind`, by the item they belong to.
        func said(_ kind: String) -> [String: String] {
            var said: [String: String] = [:]
            for event in events where event["type"] as? String == "response.\(kind).delta" {
                said[event["item_id"] as? String ?? "", default: ""] +=
                    event["delta"] as? String ?? ""
            }
            return said
        }

        /// The output of the last event.
        var output: [[String: Any]] {
            let response = events.last?["response"] as? [String: Any]
            return response?["output"] as? [[String: Any]] ?? []
        }
    }

    /// What anybody who reads a stream of one whole response may rely on.
    private func expectOneResponse(
        _ found: Splice, _ items: [ResponseScript.Item], isNumbered: Bool, _ comment: Comment
    ) throws {
        #expect(found.fault == nil && found.log.obstacle == nil, comment)
        #expect(found.names == found.events.map { $0["type"] as? String }, comment)
        #expect(found.names.last == "response.completed", comment)
        let numbers = found.events.map { $0["sequence_number"] as? Int }
        #expect(numbers == (isNumbered ? Array(0..<numbers.count) : numbers.map { _ in nil }))
        #expect(found.names.filter { $0 == "response.created" }.count == 1, comment)
        let ids = found.output.map { $0["id"] as? String ?? "" }
        #expect(Set(ids).count == items.count && ids.count == items.count, comment)
        for (index, item) in items.enumerated() {
            let about = found.events.filter {
                isNumbered
                    ? $0["output_index"] as? Int == index
                    : $0["item_id"] as? String == ids[index]
                        || ($0["item"] as? [String: Any])?["id"] as? String == ids[index]
            }
            for event in about {
                let named = event["item"] as? [String: Any]
                #expect((event["item_id"] ?? named?["id"]) as? String == ids[index], comment)
            }
            let types = about.compactMap { $0["type"] as? String }
            #expect(types.first == "response.output_item.added", comment)
            #expect(types.last == "response.output_item.done", comment)
            for type in Set(types) where !type.hasSuffix(".delta") {
                #expect(types.filter { $0 == type }.count == 1, "\(type), \(comment)")
            }
            let last = try #require(about.last?["item"] as? [String: Any], comment)
            #expect(try normal(last) == normal(found.output[index]), comment)
            switch item {
            case .message(let text): try expect(text, "output_text", last, about, found, comment)
            case .thought(let text): try expect(text, "reasoning_text", last, about, found, comment)
            case .call(let name, let arguments):
                #expect(last["name"] as? String == name, comment)
                #expect(last["arguments"] as? String == arguments, comment)
                let said = found.said("function_call_arguments")[ids[index]] ?? ""
                #expect(said == arguments, comment)
            }
        }
    }

    private func expect(
        _ text: String, _ kind: String, _ item: [String: Any], _ about: [[String: Any]],
        _ found: Splice, _ comment: Comment
    ) throws {
        #expect(found.said(kind)[item["id"] as? String ?? ""] ?? "" == text, comment)
        let part = try #require((item["content"] as? [[String: Any]])?.first, comment)
        #expect(part["text"] as? String == text, comment)
        let done = about.first { $0["type"] as? String == "response.\(kind).done" }
        #expect(done?["text"] as? String == text, comment)
        let whole = about.first { $0["type"] as? String == "response.content_part.done" }
        #expect((whole?["part"] as? [String: Any])?["text"] as? String == text, comment)
        guard let all = part["logprobs"] as? [[String: Any]] else { return }
        let tokens = about.compactMap { $0["delta"] == nil ? nil : $0["logprobs"] }
        let told = tokens.flatMap { $0 as? [[String: Any]] ?? [] }
        #expect(all.map { $0["token"] as? String } == text.map { String($0) }, comment)
        #expect(told.map { $0["token"] as? String } == text.map { String($0) }, comment)
        let listed = done?["logprobs"] as? [[String: Any]]
        #expect(listed?.count == text.count, comment)
    }

    private static func items(using random: inout SplitMix64) -> [ResponseScript.Item] {
        func text() -> String {
            let pieces = ["a", " bc", "é", "\"", "\\", "\n", "日本", "😀"]
            return (0...random.below(8)).map { _ in pieces[random.below(pieces.count)] }.joined()
        }
        return (0...random.below(3)).map { _ in
            switch random.below(4) {
            case 0: .thought(text())
            case 1: .call(name: "look", arguments: #"{"at":"\#(random.below(99))"}"#)
            default: .message(text())
            }
        }
    }

    @Test("an answer of any items, broken anywhere and begun anew, is heard as one")
    func anew() throws {
        for seed in UInt64(1)...UInt64(250) {
            var random = SplitMix64(seed: seed)
            let items = Self.items(using: &random)
            let probabilities = random.below(3) == 0
            let scripts = ["a", "b"].map { id in
                ResponseScript(items: items, id: id, tellsProbabilities: probabilities)
            }
            let first = scripts[0].events(using: &random)
            let second = scripts[1].events(using: &random)
            let cut = 1 + random.below(first.count - 1)
            let found = try Splice([Array(first[..<cut]), second])
            try expectOneResponse(found, items, isNumbered: true, "seed \(seed)")
            let response = found.events.last?["response"] as? [String: Any]
            #expect(response?["id"] as? String == "resp_a", "seed \(seed)")
            #expect(response?["model"] as? String == "m-a", "seed \(seed)")
        }
    }

    @Test("a text that broke off anywhere goes on at a server that was told of it")
    func told() throws {
        for seed in UInt64(300)...UInt64(500) {
            var random = SplitMix64(seed: seed)
            let text = "The \"quick\" bröwn 🦊\njumps"
            let tells = random.below(2) == 0
            let script = ResponseScript(
                items: [.message(text)], id: "a", tellsProbabilities: tells)
            let first = script.events(using: &random)
            let deltas = first.indices.filter { first[$0].contains("output_text.delta") }
            let cut = deltas[random.below(deltas.count)] + 1
            let begun = try Splice([Array(first[..<cut])])
            #expect(begun.log.isOneText && !begun.log.hasThought)
            let said = begun.said("output_text").values.first ?? ""
            #expect(SaidPlainly.text(begun.log.text) == said)
            // llama.cpp repeats what it was told, others do not.
            let repeats = random.below(2) == 0 && !tells ? said : ""
            let rest = ResponseScript(
                items: [.message(String(text.dropFirst(said.count)))], id: "b",
                tellsProbabilities: tells, repeats: repeats, usage: (14, 2)
            ).events(using: &random)
            let found = try Splice([Array(first[..<cut]), rest], by: .append)
            try expectOneResponse(found, [.message(text)], isNumbered: true, "seed \(seed)")
        }
    }

    @Test("a server without numbers and places goes on as the first one did, and the other way")
    func places() throws {
        for seed in UInt64(600)...UInt64(700) {
            for (first, second) in [(true, false), (false, true), (false, false)] {
                var random = SplitMix64(seed: seed)
                let items: [ResponseScript.Item] = [.thought("hm"), .message("The fox")]
                let one = ResponseScript(items: items, id: "a", tellsPlaces: first)
                    .events(using: &random)
                let two = ResponseScript(items: items, id: "b", tellsPlaces: second)
                    .events(using: &random)
                let cut = 1 + random.below(one.count - 1)
                let found = try Splice([Array(one[..<cut]), two])
                #expect(found.fault == nil, "seed \(seed)")
                if first {
                    try expectOneResponse(found, items, isNumbered: true, "seed \(seed)")
                } else if !second {
                    try expectOneResponse(found, items, isNumbered: false, "seed \(seed)")
                }
            }
        }
    }

    @Test("three servers in a row write one answer, and its usage is that of one")
    func thrice() throws {
        var random = SplitMix64(seed: 9)
        let first = ResponseScript(items: [.message("one two three")], id: "a")
            .events(using: &random)
        let second = ResponseScript(items: [.message("one two three")], id: "b")
            .events(using: &random)
        let third = ResponseScript(items: [.message("one two three")], id: "c")
            .events(using: &random)
        let found = try Splice([Array(first[..<5]), Array(second[..<8]), third])
        try expectOneResponse(found, [.message("one two three")], isNumbered: true, "")
        #expect(found.log.resumptions == 2)
        let response = try #require(found.events.last?["response"] as? [String: Any])
        let usage = try #require(response["usage"] as? [String: Any])
        #expect(usage["input_tokens"] as? Int == 10 && usage["output_tokens"] as? Int == 3)
        let pinion = try #require(usage["pinion"] as? [String: Any])
        #expect(pinion["resumptions"] as? Int == 2 && pinion["input_tokens"] as? Int == 30)
        #expect(found.usage?.input == 30)
    }

    @Test("what was told is paid by the first one, and the caller's usage is that of one answer")
    func usage() throws {
        let delta = #"{"type":"response.output_text.delta","item_id":"i","delta":"#
        let begun = [
            #"{"type":"response.created","response":{"id":"r"}}"#,
            #"{"type":"response.output_item.added","item":{"id":"i","type":"message"}}"#,
            delta + #""a"}"#, delta + #""b"}"#, delta + #""c"}"#,
        ]
        var random = SplitMix64(seed: 1)
        let rest = ResponseScript(items: [.message("d")], id: "b", usage: (13, 1))
            .events(using: &random)
        let found = try Splice([begun, rest], by: .append)
        let response = try #require(found.events.last?["response"] as? [String: Any])
        let usage = try #require(response["usage"] as? [String: Any])
        #expect(usage["input_tokens"] as? Int == 10 && usage["output_tokens"] as? Int == 4)
        #expect(found.usage == TokenUsage(input: 23, output: 4))
        #expect(found.output[0]["id"] as? String == "i")
    }

    @Test("a server that says something else than was given is not heard")
    func diverges() throws {
        let given: [ResponseScript.Item] = [
            .call(name: "look", arguments: "{}"), .message("The fox"),
        ]
        let others: [[ResponseScript.Item]] = [
            [.call(name: "look", arguments: "{}"), .message("The cat")],
            [.call(name: "look", arguments: "{}"), .message("The")],
            [.call(name: "look", arguments: #"{"a":1}"#), .message("The fox jumps")],
            [.call(name: "see", arguments: "{}"), .message("The fox jumps")],
            [.message("The fox"), .call(name: "look", arguments: "{}")],
            [.call(name: "look", arguments: "{}")],
        ]
        for (number, other) in others.enumerated() {
            var random = SplitMix64(seed: 5)
            var first = ResponseScript(items: given, id: "a").events(using: &random)
            first.removeLast(4)
            let second = ResponseScript(items: other, id: "b").events(using: &random)
            let found = try Splice([first, second])
            #expect(found.fault == .diverged, "\(number)")
            #expect(found.log.obstacle == .diverged && found.events.count == first.count)
        }
    }

    @Test("half of a tool call is never heard")
    func calls() throws {
        var random = SplitMix64(seed: 2)
        let items: [ResponseScript.Item] = [
            .message("so"), .call(name: "look", arguments: #"{"place":1}"#),
        ]
        let first = ResponseScript(items: items, id: "a").events(using: &random)
        let begins = try #require(
            first.firstIndex { $0.contains("output_item.added") && $0.contains("function_call") })
        for cut in begins..<first.count - 2 {
            let found = try Splice([Array(first[..<cut])])
            #expect(found.events.count == begins)
        }
        #expect(try Splice([Array(first[..<(first.count - 1)])]).events.count == first.count - 1)
    }

    @Test("searches and the like are not done twice: nobody can go on")
    func others() throws {
        let search = #"{"type":"response.web_search_call.searching","output_index":0}"#
        #expect(try Splice([[search]]).log.obstacle == .otherContent)
        let item =
            #"{"type":"response.output_item.added","item":{"id":"w","type":"web_search_call"}}"#
        #expect(try Splice([[item]]).log.obstacle == .otherContent)
        let long = ResponseScript(items: [.message(String(repeating: "x", count: 400))], id: "a")
        var random = SplitMix64(seed: 3)
        let found = try Splice([long.events(using: &random)], bytesMax: 300)
        #expect(found.log.obstacle == .tooLong && found.fault == nil)
        #expect(found.names.last == "response.completed")
    }

    @Test("a failure that is reported is none of the answer, whichever way it is told")
    func reports() throws {
        for report in [
            #"{"type":"error","code":"server_error","message":"dead","sequence_number":4}"#,
            #"{"response":{"error":{"code":"x","message":"y"}},"type":"response.failed"}"#,
            #"{"type": "response.failed", "response": {"id": "r", "error": null}}"#,
        ] {
            var relay = StreamRelay(eventBytesMax: 1 << 16, stripsUsage: false, endsByType: true)
            relay.stopsAtReports = true
            var out: [UInt8] = []
            let bytes = Array("data: \(report)\n\n".utf8)
            #expect(relay.consume(bytes.span.bytes, into: &out) == .broken)
            #expect(relay.fault == .reported && relay.report == Array(report.utf8), "\(report)")
        }
    }

    @Test("a stream that says that nothing follows before its last event is not whole")
    func unfinished() {
        for event in ["response.created", "response.output_text.done"] {
            var relay = StreamRelay(eventBytesMax: 1 << 16, stripsUsage: false, endsByType: true)
            var out: [UInt8] = []
            let bytes = Array("data: {\"type\":\"\(event)\"}\n\ndata: [DONE]\n\n".utf8)
            #expect(relay.consume(bytes.span.bytes, into: &out) == .broken)
            #expect(relay.fault == .unfinished && !relay.isComplete)
            #expect(relay.hasTold == (event != "response.created"))
            #expect(out == Array("data: {\"type\":\"\(event)\"}\n\n".utf8))
        }
    }

    @Test("a failure is told to who was given nothing as the body of an error answer")
    func documents() throws {
        let cases = [
            (
                #"{"type":"response.failed","response":{"id":"r","error":{"message":"m"}}}"#,
                "response.failed", #"{"error":{"message":"m"}}"#
            ),
            (
                #"{"type":"error","code":"c","message":"m","param":null}"#, "error",
                #"{"error":{"type":"server_error","message":"m","code":"c","param":null}}"#
            ),
            (
                #"{"type":"error","error":{"message":"m"}}"#, "error",
                #"{"type":"error","error":{"message":"m"}}"#
            ),
            (#"{"error":{"message":"m"}}"#, "", #"{"error":{"message":"m"}}"#),
        ]
        for (data, type, document) in cases {
            let bytes = Array(data.utf8)
            let parts = ReportedFailure.parts(of: bytes.span.bytes)
            #expect(String(decoding: parts.type, as: UTF8.self) == type)
            #expect(String(decoding: parts.document, as: UTF8.self) == document)
        }
    }
}

/// The contents of JSON strings as text.
private enum SaidPlainly {
    static func text(_ contents: [UInt8]) -> String {
        let plain = (try? JSONStringDecoder.decode(contents.span.bytes)) ?? []
        return String(decoding: plain, as: UTF8.self)
    }
}
