// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// What the caller was given of one of the answers that run beside each other.
struct SaidChoice {
    /// The text, as contents of a JSON string.
    var text: [UInt8] = []
    /// The same of what was thought.
    var reasoning: [UInt8] = []
    /// Whether anything was said of it at all.
    var hasBegun = false
    /// Whether the caller was told why it ended.
    var isFinished = false
    /// Whether a tool call was begun that is not whole.
    var callsTool = false
    /// What is still to be left out of what the present server says.
    var skip: Skip?

    /// What is still to be left out of an answer that began anew: decoded, with how far it came.
    struct Skip {
        private let text: [UInt8]
        private let reasoning: [UInt8]
        private var textAt = 0
        private var reasoningAt = 0

        /// What was said of `choice`; nil when that is nothing.
        init?(_ choice: SaidChoice) {
            text = SaidText.decoded(choice.text)
            reasoning = SaidText.decoded(choice.reasoning)
            if isOver { return nil }
        }

        var isOver: Bool { textAt == text.count && reasoningAt == reasoning.count }

        /// Takes out of what is said now what was said before, as contents of JSON strings.
        /// Answers how many bytes of the text that were, and nil when it is something else.
        mutating func leaveOut(_ said: inout [UInt8]?, _ thought: inout [UInt8]?) -> Int? {
            let before = textAt
            guard SaidText.leaveOut(&said, text, at: &textAt),
                SaidText.leaveOut(&thought, reasoning, at: &reasoningAt)
            else { return nil }
            return textAt - before
        }
    }
}

/// Text as it stands in JSON strings, compared by what it means.
enum SaidText {
    /// Takes out of `said` what stands in `all` from `place` on, and moves that; answers false
    /// when it is something else.
    static func leaveOut(
        _ said: inout [UInt8]?, _ all: [UInt8], at place: inout Int
    ) -> Bool {
        guard let contents = said, place < all.count else { return true }
        let plain = decoded(contents)
        let common = min(plain.count, all.count - place)
        guard plain[..<common].elementsEqual(all[place..<place + common]) else { return false }
        place += common
        said = common == plain.count ? nil : encoded(plain[common...])
        return true
    }

    /// What `contents` of a JSON string stand for.
    static func decoded(_ contents: [UInt8]) -> [UInt8] {
        // What one server wrote in several strings may hold escapes that only fit together.
        (try? JSONStringDecoder.decode(unsafe contents.span.bytes)) ?? contents
    }

    /// The contents of a JSON string that stand for `plain`.
    static func encoded(_ plain: ArraySlice<UInt8>) -> [UInt8] {
        var quoted: [UInt8] = []
        let bytes = Array(plain)
        quoted.appendJSONString(unsafe bytes.span.bytes)
        return Array(quoted.dropFirst().dropLast())
    }
}

/// How completions count where a token begins in the whole text.
///
/// Some servers begin to count at the prompt and some behind it. When a server is told what was
/// said, that is part of its prompt: what it counts is moved so that it goes on from the first.
struct TokenOffsets {
    private var first: Int?
    private var isMoved = false
    private var expected: Int?
    private var shift = 0

    /// Notes the first offset that the first server tells.
    mutating func note(_ data: RawSpan, _ range: ByteRange) {
        guard first == nil, let place = TokenProbabilities(data, range)?.offsets.first else {
            return
        }
        first = data.extracting(place.range).decimal
    }

    /// Another server goes on behind `text`, the contents of a JSON string.
    mutating func goOn(behind text: [UInt8]) {
        isMoved = false
        expected = first.map { first in
            // Bytes that do not continue a character begin one.
            first + SaidText.decoded(text).reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        }
    }

    /// Moves the offsets in `range` so that they go on from those of the first server.
    mutating func shift(_ data: RawSpan, _ range: ByteRange, in edits: inout BodyEdits) {
        guard let expected, let places = TokenProbabilities(data, range)?.offsets else { return }
        if !isMoved, let place = places.first,
            let own = data.extracting(place.range).decimal
        {
            shift = expected - own
            isMoved = true
        }
        guard shift != 0 else { return }
        for place in places {
            guard let own = data.extracting(place.range).decimal else { continue }
            edits.insert(place, Array(String(max(0, own + shift)).utf8))
        }
    }
}
