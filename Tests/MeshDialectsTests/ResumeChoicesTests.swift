// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("Going on with several answers, and with probabilities")
struct ResumeChoicesTests {
    /// What servers with these events, one behind the other, give out; each begins anew.
    static func splice(
        _ servers: [[String]], choices: Int, by method: ResumeLog.Method = .restart,
        bytesMax: Int = 4096
    ) -> (log: ResumeLog, events: [String], fault: StreamRelay.Fault?) {
        let log = ResumeLog(bytesMax: bytesMax, choices: choices)
        var output: [UInt8] = []
        var fault: StreamRelay.Fault?
        for (number, events) in servers.enumerated() {
            if number > 0 {
                log.brokeOff()
                log.goOn(by: method)
            }
            var relay = StreamRelay(
                eventBytesMax: 1 << 16, stripsUsage: false, choices: choices)
            for event in events {
                let bytes = Array((event.hasPrefix("{") ? "data: \(event)\n\n" : event).utf8)
                let before = output.count
                let verdict = relay.consume(bytes.span.bytes, log: log, into: &output)
                if verdict == .unchanged, output.count == before { output += bytes }
            }
            if number == servers.count - 1 { relay.finish(log: log, into: &output) }
            fault = relay.fault
        }
        let text = String(decoding: output, as: UTF8.self)
        return (log, text.split(separator: "\n\n").map { String($0.dropFirst(6)) }, fault)
    }

    static func piece(
        _ index: Int, _ text: String?, id: String = "a", role: Bool = false,
        finish: String? = nil, more: String = ""
    ) -> String {
        var delta: [String] = []
        if role { delta.append(#""role":"assistant""#) }
        if let text { delta.append(#""content":"\#(text)""#) }
        let reason = finish.map { #""\#($0)""# } ?? "null"
        return #"{"id":"\#(id)","choices":[{"index":\#(index),"delta":{"#
            + delta.joined(separator: ",") + #"},\#(more)"finish_reason":\#(reason)}]}"#
    }

    static let done = "data: [DONE]\n\n"

    @Test("each of several answers goes on where it stopped, and one that had ended is not heard")
    func several() {
        let first = [
            Self.piece(0, nil, role: true), Self.piece(1, "un"), Self.piece(0, "one"),
            Self.piece(1, nil, finish: "stop"),
        ]
        let second = [
            Self.piece(1, "deux", id: "b", role: true), Self.piece(0, nil, id: "b", role: true),
            Self.piece(0, "one two", id: "b"), Self.piece(1, nil, id: "b", finish: "stop"),
            Self.piece(0, nil, id: "b", finish: "length"), Self.done,
        ]
        let found = Self.splice([first, second], choices: 2)
        #expect(
            found.events == first + [
                Self.piece(0, " two"), Self.piece(0, nil, finish: "length"), "[DONE]",
            ])
        #expect(found.fault == nil && found.log.isFinished && found.log.obstacle == nil)
    }

    @Test("an answer of which nothing was heard begins with who speaks")
    func roles() {
        let first = [Self.piece(0, "one", role: true)]
        let second = [
            Self.piece(0, "one", id: "b", role: true), Self.piece(1, nil, id: "b", role: true),
            Self.piece(1, "un", id: "b"),
        ]
        let found = Self.splice([first, second], choices: 2)
        #expect(
            found.events == first + [Self.piece(1, nil, role: true), Self.piece(1, "un")])
    }

    @Test("one of several answers that differs ends all of them")
    func differs() {
        let found = Self.splice(
            [
                [Self.piece(0, "one"), Self.piece(1, "un")],
                [Self.piece(0, "one", id: "b"), Self.piece(1, "una", id: "b")],
                [Self.piece(0, "one", id: "c"), Self.piece(1, "deux", id: "c")],
            ], choices: 2)
        #expect(found.fault == .diverged && found.log.obstacle == .diverged)
        #expect(found.events == [Self.piece(0, "one"), Self.piece(1, "un"), Self.piece(1, "a")])
    }

    @Test("an answer beyond those that were asked for is in nobody's log")
    func beyond() {
        let found = Self.splice([[Self.piece(2, "x")]], choices: 2)
        #expect(found.log.obstacle == .severalChoices && found.events == [Self.piece(2, "x")])
        let both = #"{"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}"#
        #expect(Self.splice([[both]], choices: 2).log.obstacle == .severalChoices)
    }

    @Test("any number of answers, broken anywhere and cut into any words, is heard as if never")
    func property() throws {
        for seed in UInt64(500)..<UInt64(700) {
            var random = SplitMix64(seed: seed)
            let count = 1 + random.below(4)
            let texts = (0..<count).map { _ in Self.text(using: &random) }
            let first = Self.stream(texts, id: "a", using: &random)
            let second = Self.stream(texts, id: "b", using: &random)
            let cut = random.below(first.count)
            let found = Self.splice([Array(first[..<cut]), second], choices: count)
            #expect(found.fault == nil, "seed \(seed)")
            var heard = Array(repeating: "", count: count)
            var reasons = Array(repeating: 0, count: count)
            for event in found.events.dropLast() {
                let data = Array(event.utf8)
                let read = try AnswerEvent(data.span.bytes)
                if let range = read.text {
                    let plain = try JSONStringDecoder.decode(
                        data.span.bytes.extracting(range.range))
                    heard[read.index] += String(decoding: plain, as: UTF8.self)
                }
                if read.finish != nil { reasons[read.index] += 1 }
                // Of what broke off before its first event nobody knows the name.
                #expect(cut == 0 || event.contains(#""id":"a""#), "seed \(seed)")
            }
            #expect(heard == texts && reasons.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(found.events.last == "[DONE]", "seed \(seed)")
        }
    }

    private static func text(using random: inout SplitMix64) -> String {
        let pieces = ["a", " bc", "é", "\"", "\\", "\n", "日本", "😀"]
        return (0..<random.below(9)).map { _ in pieces[random.below(pieces.count)] }.joined()
    }

    /// The events of a server that says `texts`, in any order and in words of any size.
    private static func stream(
        _ texts: [String], id: String, using random: inout SplitMix64
    ) -> [String] {
        var left = texts.map { Array($0) }
        var ended = Array(repeating: false, count: texts.count)
        var events = texts.indices.map { piece($0, nil, id: id, role: true) }
        while let open = ended.indices.filter({ !ended[$0] }).randomElement(using: &random) {
            let size = min(left[open].count, 1 + random.below(3))
            if size == 0 {
                ended[open] = true
                events.append(piece(open, nil, id: id, finish: "stop"))
                continue
            }
            var word: [UInt8] = []
            word.appendJSONString(String(left[open].prefix(size)))
            left[open].removeFirst(size)
            let text = String(decoding: word.dropFirst().dropLast(), as: UTF8.self)
            events.append(piece(open, text, id: id))
        }
        return events + [done]
    }

    // MARK: Probabilities

    private static func content(_ tokens: [String]) -> String {
        let list = tokens.map { token in
            let bytes = token.utf8.map { "\($0)" }.joined(separator: ",")
            return #"{"token":"\#(token)","logprob":-1,"bytes":[\#(bytes)],"top_logprobs":[]}"#
        }
        return #""logprobs":{"content":[\#(list.joined(separator: ","))],"refusal":null},"#
    }

    @Test("what is told of tokens goes with their text: all of it, none, or what is left of it")
    func probabilities() {
        let first = [
            Self.piece(0, "The", more: Self.content(["The"])),
            Self.piece(0, " fox", more: Self.content([" fox"])),
        ]
        let second = [
            Self.piece(0, "The", id: "b", more: Self.content(["The"])),
            Self.piece(0, " fox jumps", id: "b", more: Self.content([" fox", " jumps"])),
            Self.piece(0, " over", id: "b", more: Self.content([" over"])),
        ]
        let anew = Self.splice([first, second], choices: 1)
        #expect(
            anew.events == first + [
                Self.piece(0, " jumps", more: Self.content([" jumps"])),
                Self.piece(0, " over", more: Self.content([" over"])),
            ])
        let behind = [Self.piece(0, " jumps", id: "b", more: Self.content([" jumps"]))]
        let told = Self.splice([first, behind], choices: 1, by: .append)
        #expect(
            told.events == first + [Self.piece(0, " jumps", more: Self.content([" jumps"]))])
    }

    @Test("a token that would have to be told in halves is none of the same answer")
    func halves() {
        let found = Self.splice(
            [
                [Self.piece(0, "The f", more: Self.content(["The", " f"]))],
                [Self.piece(0, "The fox", id: "b", more: Self.content(["The", " fox"]))],
            ], choices: 1)
        #expect(found.fault == .diverged && found.events.count == 1)
    }

    private static func completion(
        _ text: String, _ tokens: [(String, Int)], id: String = "a"
    ) -> String {
        let names = tokens.map { "\"\($0.0)\"" }.joined(separator: ",")
        let places = tokens.map { "\($0.1)" }.joined(separator: ",")
        let values = tokens.map { _ in "-1" }.joined(separator: ",")
        return #"{"id":"\#(id)","choices":[{"index":0,"text":"\#(text)","logprobs":{"#
            + #""tokens":[\#(names)],"token_logprobs":[\#(values)],"top_logprobs":null,"#
            + #""text_offset":[\#(places)]},"finish_reason":null}]}"#
    }

    @Test("completions say where tokens stand as if one server had said all of them")
    func offsets() {
        let first = [Self.completion("Hé", [("Hé", 10)])]
        // One server counts from behind the prompt, the other from its beginning.
        for start in [0, 12] {
            let second = [
                Self.completion(" you", [(" you", start)], id: "b"),
                Self.completion("!?", [("!", start + 4), ("?", start + 5)], id: "b"),
            ]
            let found = Self.splice([first, second], choices: 1, by: .append)
            #expect(
                found.events == first + [
                    Self.completion(" you", [(" you", 12)]),
                    Self.completion("!?", [("!", 16), ("?", 17)]),
                ], "start \(start)")
        }
        let anew = Self.splice(
            [first, [Self.completion("Hé you", [("Hé", 10), (" you", 12)], id: "b")]],
            choices: 1)
        #expect(anew.events == first + [Self.completion(" you", [(" you", 12)])])
    }

    @Test("a call of one answer is held back until it is whole, and the other answers with it")
    func calls() {
        func call(_ index: Int, _ id: String = "a") -> String {
            Self.piece(index, nil, id: id).replacing(
                "\"delta\":{}", with: #""delta":{"tool_calls":[{"index":0}]}"#)
        }
        let first = [
            Self.piece(0, "so"), call(1), Self.piece(0, " I"),
            Self.piece(1, nil, finish: "tool_calls"), Self.piece(0, " say"), call(0),
        ]
        let second = [
            Self.piece(0, "so I say", id: "b"), call(0, "b"),
            Self.piece(0, nil, id: "b", finish: "tool_calls"), call(1, "b"),
            Self.piece(1, nil, id: "b", finish: "tool_calls"), Self.done,
        ]
        let found = Self.splice([first, second], choices: 2)
        #expect(
            found.events == first.dropLast() + [
                call(0), Self.piece(0, nil, finish: "tool_calls"), "[DONE]",
            ])
        #expect(found.fault == nil)
    }
}
