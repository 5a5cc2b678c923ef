// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

@Suite("Events alike but for their text")
struct EventTemplateTests {
    private static func event(
        _ text: String, id: String = "c1", rest: String = "null", more: String = "",
        end: String = "\n\n"
    ) -> String {
        #"data: {"id":"\#(id)","choices":[{"index":0,"delta":{"content":"\#(text)"},"#
            + #""finish_reason":\#(rest)}]\#(more)}"# + end
    }

    private static func learn(_ text: String, by template: inout EventTemplate) {
        let bytes = Array(text.utf8)
        var scanner = EventScanner()
        var offset = 0
        guard
            case .event(let event, let data, 1, _)? = try? scanner.next(
                bytes.span.bytes, at: &offset)
        else { return }
        template.learn(event, data: data, in: bytes.span.bytes)
    }

    /// The text found in `data` by a template that learned from all of `learned`.
    private static func found(_ data: String, after learned: String...) -> String? {
        var template = EventTemplate()
        for text in learned { learn(text, by: &template) }
        let bytes = Array(data.utf8)
        return template.like(bytes.span.bytes, at: 0).map {
            String(decoding: bytes[$0.text.range], as: UTF8.self)
        }
    }

    @Test(
        "the text of a like event is found",
        arguments: ["a", " quick", "é", "雨が", #"\n\"usage\":{"#, #"\ud83d\ude00"#, "😀 mixed é"])
    func finds(_ text: String) {
        #expect(Self.found(Self.event(text), after: Self.event("The")) == text)
        let windows = Self.event(text, end: "\r\n\r\n")
        #expect(Self.found(windows, after: windows) == text)
    }

    @Test("the event ends where it ends, whatever stands in front and behind")
    func ends() {
        var template = EventTemplate()
        Self.learn(Self.event("The"), by: &template)
        let bytes = Array((": hi\n\n" + Self.event(" end") + "data: [DONE]\n\n").utf8)
        let like = template.like(bytes.span.bytes, at: 6)
        #expect(like?.end == bytes.count - 14)
        #expect(template.like(bytes.span.bytes, at: 0) == nil)
        for count in 6..<(bytes.count - 14) {
            #expect(template.like(bytes.span.bytes.extracting(0..<count), at: 6) == nil)
        }
    }

    @Test("values that were seen to differ may differ again")
    func looseValues() {
        let (first, second) = (
            Self.event("a", more: #","t":17,"o":"x""#), Self.event("b", more: #","t":-3,"o":"x""#)
        )
        let third = Self.event("c", more: #","t":0.5e9,"o":"x""#)
        #expect(Self.found(third, after: first) == nil)
        #expect(Self.found(third, after: first, second) == "c")
        #expect(Self.found(Self.event("c", more: #","t":01,"o":"x""#), after: first, second) == nil)
        #expect(
            Self.found(Self.event("c", more: #","t":"1","o":"x""#), after: first, second) == nil)
        #expect(Self.found(Self.event("c", more: #","t":9,"o":"y""#), after: first, second) == nil)
        #expect(
            Self.found(
                Self.event("c", id: "q", more: #","o":"long""#),
                after: Self.event("a", id: "z", more: #","o":"""#),
                Self.event("b", id: "y", more: #","o":"hm""#)) == "c")
    }

    @Test("what an event is of, and that it reports a failure, never counts as a value")
    func tightValues() {
        for name in ["type", "error"] {
            let more = #","\#(name)":"#
            #expect(
                Self.found(
                    Self.event("c", more: more + #""z""#), after: Self.event("a", more: more + "1"),
                    Self.event("b", more: more + "2")) == nil)
        }
    }

    @Test("thought is told from text")
    func thought() {
        let text = #"data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}"# + "\n\n"
        var template = EventTemplate()
        Self.learn(text, by: &template)
        #expect(template.isThought)
        #expect(template.like(Array(text.utf8).span.bytes, at: 0) != nil)
    }

    @Test(
        "an event that differs in more, or whose text is no JSON, is not taken for a like one",
        arguments: [
            event("x", id: "c2"), event("x", rest: #""stop""#), event(""), event("a\u{1}b"),
            event(#"a\x"#), event(#"\ud83d"#), event(#"x","content":"y"#), event("a\nb"),
            event("x", end: "\n"), event("x", end: "\r\n\r\n"), "event: x\n" + event("x"),
            String(event("x").dropLast()), "data: {}\n\n", "\n", "",
        ])
    func differs(_ data: String) {
        #expect(Self.found(data, after: Self.event("The")) == nil)
    }

    @Test(
        "nothing is learned of an event that says more than one thing, or whose end is in doubt",
        arguments: [
            #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            #"{"choices":[{"index":1,"delta":{"content":"a"}}]}"#,
            #"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"a"}}]}"#,
            #"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[]}}]}"#,
            #"{"choices":[{"delta":{"content":"a","tool_calls":[{"index":0}]}}]}"#,
            #"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
            #"{"choices":[{"delta":{"content":"a"}}],"error":{}}"#, #"{"choices":[]}"#, "[",
        ])
    func learnsNothing(_ data: String) {
        #expect(Self.found("data: \(data)\n\n", after: "data: \(data)\n\n") == nil)
        let large = Self.event(String(repeating: "x", count: 5000))
        #expect(Self.found(large, after: large) == nil)
        let doubtful = Self.event("x", end: "\r\r")
        #expect(Self.found(doubtful, after: doubtful) == nil)
    }

    @Test("what is found reads the same as when the event is read in full")
    func agrees() throws {
        let pieces = [
            "a", "\"", "\\", "\\\"", "\\n", "\u{1}", "é", "{", "}", ",", "\"content\":\"", ":",
            "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\"usage\":{}", "null", "]", "\n", "\"stop\"",
        ]
        var matches = 0
        for seed in UInt64(700)..<UInt64(900) {
            var random = SplitMix64(seed: seed)
            var template = EventTemplate()
            for _ in 0..<80 {
                let text = (0..<1 + random.below(3)).map { _ in pieces[random.below(20)] }.joined()
                let more = random.below(4) == 0 ? "" : ",\"t\":\(random.below(2000))"
                let id = random.below(9) == 0 ? "d" : "c"
                var bytes = Array(Self.event(text, id: id, more: more).utf8)
                if random.below(6) == 0 {
                    bytes[random.below(bytes.count)] = UInt8(random.below(256))
                }
                let like = template.like(bytes.span.bytes, at: 0)
                var scanner = EventScanner()
                var offset = 0
                let event = try scanner.next(bytes.span.bytes, at: &offset)
                if let like {
                    matches += 1
                    guard case .event(_, let data, 1, false) = event else {
                        Issue.record("seed \(seed): \(bytes.span.bytes.text)")
                        continue
                    }
                    #expect(offset == like.end, "seed \(seed)")
                    let read = try AnswerEvent(bytes.span.bytes.extracting(data.range))
                    #expect(read.text == ByteRange(like.text.start - 6, like.text.end - 6))
                    #expect(read.finish == nil && read.usage == nil && read.choices == 1)
                    let facts = UsageScanner.checkedFacts(
                        inEvent: bytes.span.bytes.extracting(data.range))
                    #expect(facts == EventFacts(), "seed \(seed): \(bytes.span.bytes.text)")
                } else if case .event(let whole, let data, 1, false) = event,
                    UsageScanner.checkedFacts(inEvent: bytes.span.bytes.extracting(data.range))
                        != nil
                {
                    template.learn(whole, data: data, in: bytes.span.bytes)
                }
            }
        }
        #expect(matches > 1000, "too few events were alike to show anything")
    }

    @Test("a stream whose events all differ is soon left alone")
    func givesUp() {
        var template = EventTemplate()
        for number in 0..<100 {
            Self.learn(
                Self.event("x", more: ",\"n\(number)\":1"), by: &template)
        }
        #expect(
            template.like(Array(Self.event("x", more: #","n99":1"#).utf8).span.bytes, at: 0) == nil)
        #expect(
            template.like(Array(Self.event("x", more: #","n7":1"#).utf8).span.bytes, at: 0) != nil)
    }
}
