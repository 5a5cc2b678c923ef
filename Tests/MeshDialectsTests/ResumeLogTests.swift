// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("Going on with an answer")
struct ResumeLogTests {
    /// Relays the events of several servers one behind the other, the first of them `pieces`
    /// each, as the caller would get them.
    struct Splice {
        let log: ResumeLog
        var output: [UInt8] = []
        var faults: [StreamRelay.Fault?] = []
        var usage: TokenUsage?

        init(_ servers: [[String]], by method: ResumeLog.Method, bytesMax: Int = 4096) {
            log = ResumeLog(bytesMax: bytesMax)
            for (number, events) in servers.enumerated() {
                if number > 0 {
                    log.brokeOff()
                    log.goOn(by: method)
                }
                var relay = StreamRelay(eventBytesMax: 1 << 16, stripsUsage: false)
                for event in events {
                    let bytes = Array((event.hasPrefix("{") ? "data: \(event)\n\n" : event).utf8)
                    let before = output.count
                    let verdict = relay.consume(bytes.span.bytes, log: log, into: &output)
                    if verdict == .unchanged, output.count == before { output += bytes }
                }
                if number == servers.count - 1 { relay.finish(log: log, into: &output) }
                faults.append(relay.fault)
                usage = relay.usage.map { log.total(with: $0) }
            }
        }

        var text: String { String(decoding: output, as: UTF8.self) }
        var events: [String] {
            text.split(separator: "\n\n").map { String($0.dropFirst(6)) }
        }
    }

    static func token(_ text: String, id: String = "a") -> String {
        #"{"id":"\#(id)","created":1,"model":"m-\#(id)","choices":[{"index":0,"delta":"#
            + #"{"content":"\#(text)"},"finish_reason":null}]}"#
    }

    static func role(_ id: String) -> String {
        #"{"id":"\#(id)","created":1,"model":"m-\#(id)","choices":[{"index":0,"delta":"#
            + #"{"role":"assistant","content":""},"finish_reason":null}]}"#
    }

    static func finish(_ id: String, _ reason: String = "stop") -> String {
        #"{"id":"\#(id)","created":1,"model":"m-\#(id)","choices":[{"index":0,"delta":{},"#
            + #""finish_reason":"\#(reason)"}]}"#
    }

    static func usage(_ id: String, _ input: Int, _ output: Int) -> String {
        #"{"id":"\#(id)","choices":[],"usage":{"prompt_tokens":\#(input),"#
            + #""completion_tokens":\#(output),"total_tokens":\#(input + output)}}"#
    }

    static func call(_ id: String, _ arguments: String) -> String {
        #"{"id":"\#(id)","created":1,"model":"m-\#(id)","choices":[{"index":0,"delta":"#
            + #"{"tool_calls":[{"index":0,"function":{"arguments":"\#(arguments)"}}]},"#
            + #""finish_reason":null}]}"#
    }

    static let done = "data: [DONE]\n\n"

    @Test("what is said in like events is in the log as if each had been read in full")
    func likeEvents() {
        let texts = ["The", " quick", #" \"brown\""#, #" f\u00f6x"#, " jumps"]
        let alike = Splice([texts.map { Self.token($0) }], by: .append)
        let unlike = Splice(
            [texts.enumerated().map { Self.token($1, id: "\($0)") }], by: .append)
        #expect(alike.log.text == unlike.log.text)
        #expect(alike.log.tokens == 5 && unlike.log.tokens == 5)
        #expect(alike.events == texts.map { Self.token($0) })
    }

    @Test("a server that is told what was said goes on under the first one's name")
    func appends() {
        let splice = Splice(
            [
                [Self.role("a"), Self.token("The"), Self.token(" fox")],
                [Self.role("b"), Self.token(" jumps", id: "b"), Self.finish("b"), Self.done],
            ], by: .append)
        #expect(
            splice.events == [
                Self.role("a"), Self.token("The"), Self.token(" fox"),
                Self.token(" jumps").replacing("m-b", with: "m-a"), Self.finish("a"), "[DONE]",
            ])
        #expect(splice.faults == [nil, nil])
        #expect(splice.log.isFinished && splice.log.tokens == 3)
        #expect(splice.log.text == Array("The fox jumps".utf8))
    }

    @Test(
        "a server that begins anew is heard from where the first stopped, however words are cut",
        arguments: [
            ["The", " fox", " jumps"], ["The fox jumps"], ["T", "he fo", "x ju", "mps"],
            ["The fox", " jumps"], ["The fox j", "umps"], ["\\u0054he", " fo\\u0078", " jumps"],
        ])
    func restarts(pieces: [String]) throws {
        let second = [Self.role("b")] + pieces.map { Self.token($0, id: "b") }
        let splice = Splice(
            [[Self.token("The"), Self.token(" fox")], second + [Self.finish("b"), Self.done]],
            by: .restart)
        var text = ""
        for event in splice.events.dropLast() {
            let data = Array(event.utf8)
            let read = try AnswerEvent(data.span.bytes)
            #expect(read.id.map { String(decoding: data[$0.range], as: UTF8.self) } == "\"a\"")
            if let range = read.text { text += String(decoding: data[range.range], as: UTF8.self) }
        }
        #expect(text == "The fox jumps")
        #expect(splice.events.last == "[DONE]")
    }

    @Test("a server that says something else is not heard, and neither is one that stops early")
    func diverges() {
        for second in [
            [Self.token("The", id: "b"), Self.token(" cat", id: "b")],
            [Self.token("The", id: "b"), Self.finish("b")],
            [Self.token("The", id: "b"), Self.call("b", "{}")],
        ] {
            let splice = Splice(
                [[Self.token("The"), Self.token(" fox")], second], by: .restart)
            #expect(splice.faults == [nil, .diverged])
            #expect(splice.events == [Self.token("The"), Self.token(" fox")])
            #expect(splice.log.obstacle == .diverged)
        }
    }

    @Test("escapes that were said in two halves fit together again")
    func escapes() {
        let first = [Self.token(#"a\"b\\"#), Self.token(#"\n\ud83d\ude00é"#)]
        let whole = Self.token(#"a\"b\\\n😀é!"#, id: "b")
        let splice = Splice([first, [whole, Self.finish("b")]], by: .restart)
        #expect(splice.events[2].contains(#""content":"!""#))
        let appended = Splice([first, [Self.token("!", id: "b")]], by: .append)
        #expect(String(decoding: appended.log.text, as: UTF8.self) == #"a\"b\\\n\ud83d\ude00é!"#)
    }

    @Test("parts of a tool call wait until it is whole; of one that broke off nothing is heard")
    func toolCalls() {
        let whole = Splice(
            [
                [
                    Self.token("So:"), Self.call("a", "{"), Self.call("a", "}"),
                    Self.finish("a", "tool_calls"), Self.done,
                ]
            ], by: .append)
        #expect(whole.events.count == 5)
        #expect(whole.events[2] == Self.call("a", "}"))
        let broken = Splice(
            [
                [Self.token("So:"), Self.call("a", "{")],
                [Self.call("b", "{}"), Self.finish("b", "tool_calls"), Self.done],
            ], by: .append)
        #expect(
            broken.events == [
                Self.token("So:"), Self.call("a", "{}"), Self.finish("a", "tool_calls"), "[DONE]",
            ])
    }

    @Test("the caller's usage is that of one answer, and what all servers said stands beside it")
    func sums() {
        let appended = Splice(
            [
                [Self.token("1"), Self.token("2"), Self.token("3")],
                [Self.token("4", id: "b"), Self.finish("b"), Self.usage("b", 13, 1), Self.done],
            ], by: .append)
        #expect(appended.events[5].contains(#""usage":{"prompt_tokens":10,"completion_tokens":4,"#))
        #expect(appended.events[5].contains(#""pinion":{"resumptions":1,"prompt_tokens":23,"#))
        #expect(appended.usage == TokenUsage(input: 23, output: 4))
        let restarted = Splice(
            [
                [Self.token("1"), Self.token("2")],
                [
                    Self.token("1", id: "b"), Self.token("2", id: "b"), Self.token("3", id: "b"),
                    Self.finish("b"), Self.usage("b", 10, 3), Self.done,
                ],
            ], by: .restart)
        #expect(restarted.usage == TokenUsage(input: 20, output: 5))
        #expect(restarted.text.contains(#""usage":{"prompt_tokens":10,"completion_tokens":3,"#))
    }

    @Test("an answer that cannot be handed on says why")
    func obstacles() {
        #expect(Splice([[Self.token("12345")]], by: .append, bytesMax: 4).log.obstacle == .tooLong)
        let two = #"{"id":"a","choices":[{"index":1,"delta":{"content":"x"}}]}"#
        #expect(Splice([[two]], by: .append).log.obstacle == .severalChoices)
        let odd = #"{"id":"a","choices":[{"index":0,"delta":{"audio":{"id":"s"}}}]}"#
        #expect(Splice([[odd]], by: .append).log.obstacle == .otherContent)
        let large = Splice(
            [
                [
                    Self.call("a", String(repeating: "x", count: 3000)), Self.call("a", "y"),
                    Self.call("a", String(repeating: "x", count: 3000)),
                ]
            ], by: .append)
        #expect(large.log.obstacle == .tooLong)
        #expect(large.events.count == 3, "nothing that was held back is lost")
    }

    @Test("three servers in a row write one answer")
    func twice() {
        let splice = Splice(
            [
                [Self.role("a"), Self.token("1"), Self.token("2")],
                [Self.role("b"), Self.token("3", id: "b")],
                [Self.token("4", id: "c"), Self.finish("c"), Self.usage("c", 13, 1), Self.done],
            ], by: .append)
        #expect(splice.log.text == Array("1234".utf8))
        #expect(splice.log.resumptions == 2)
        // 10 + 12 + 13 read, 2 + 1 + 1 written.
        #expect(splice.usage == TokenUsage(input: 35, output: 4))
        #expect(!splice.text.contains(#""id":"b""#) && !splice.text.contains(#""id":"c""#))
    }

    @Test("text completions are spliced like chats")
    func completions() {
        func piece(_ text: String, _ id: String, _ finish: String = "null") -> String {
            #"{"id":"\#(id)","choices":[{"index":0,"text":"\#(text)","finish_reason":\#(finish)}]}"#
        }
        let splice = Splice(
            [[piece("a", "x")], [piece("b", "y"), piece("", "y", #""stop""#), Self.done]],
            by: .append)
        #expect(
            splice.events == [
                piece("a", "x"), piece("b", "x"), piece("", "x", #""stop""#), "[DONE]",
            ])
    }

    @Test("the log of any stream gives out what the relay alone would, when nothing breaks")
    func transparency() {
        for text in RelayRun.streams {
            let bytes = Array(text.utf8)
            for seed in UInt64(31)..<UInt64(41) {
                var random = SplitMix64(seed: seed)
                let cuts = (0..<random.below(6)).map { _ in random.below(bytes.count + 1) }.sorted()
                let edges = [0] + cuts + [bytes.count]
                var relay = StreamRelay(eventBytesMax: 1 << 16, stripsUsage: true)
                let log = ResumeLog(bytesMax: 1024)
                var out: [UInt8] = []
                for i in 1..<edges.count {
                    let piece = Array(bytes[edges[i - 1]..<edges[i]])
                    let before = out.count
                    let verdict = relay.consume(piece.span.bytes, log: log, into: &out)
                    if verdict == .unchanged, out.count == before { out += piece }
                }
                relay.finish(log: log, into: &out)
                #expect(out == RelayRun(text, strips: true, cuts: cuts).output, "seed \(seed)")
            }
        }
    }
}
