// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What one event of a stream reports about tokens.
package struct EventUsage: Hashable, Sendable {
    /// The counts so far.
    package var usage: TokenUsage
    /// Whether the event holds nothing else: its `choices` are an empty array.
    package var isUsageOnly: Bool

    /// A report of `usage`.
    package init(usage: TokenUsage, isUsageOnly: Bool) {
        self.usage = usage
        self.isUsageOnly = isUsageOnly
    }
}

/// What one event of a stream means for the exchange it belongs to.
package struct EventFacts: Hashable, Sendable {
    /// The token counts, nil when the event has none.
    package var usage: EventUsage?
    /// Whether some choice says why it ended.
    package var hasFinishReason = false
    /// Whether the server reports a failure in place of an answer.
    package var isError = false

    /// No facts.
    package init() {}
}

/// Finds the token counts in answers without reading the answers.
///
/// Two shapes exist: the end of one JSON document, of which only a window may be at hand, and
/// the `data` of single events. Both look for a name first and walk the grammar only where the
/// name is found.
package enum UsageScanner {
    /// The facts of one event with the JSON text `data`; none when it is not valid JSON.
    ///
    /// **Shape** with `nested`, a `usage` within a top-level `response` or `message` is taken
    /// too, as in `response.completed`.
    package static func facts(inEvent data: RawSpan, nested: Bool = false) -> EventFacts {
        let marks = EventMarks(in: data)
        var facts = EventFacts()
        guard !marks.isEmpty else { return facts }
        facts.hasFinishReason = marks.contains(.finishReason)
        guard marks.contains(.usage) || marks.contains(.error) else { return facts }
        guard let walk = try? EventWalk(over: data, nested: nested) else { return facts }
        facts.isError = walk.isError
        if let usage = walk.usage {
            facts.usage = EventUsage(usage: usage, isUsageOnly: walk.hasNoChoices)
        }
        return facts
    }

    /// The facts of one event, those within `response` or `message` too; nil when `data` is not
    /// one JSON object.
    package static func checkedFacts(inEvent data: RawSpan) -> EventFacts? {
        let marks = EventMarks(in: data)
        var facts = EventFacts()
        facts.hasFinishReason = marks.contains(.finishReason)
        guard marks.contains(.usage) || marks.contains(.error) else {
            let start = JSONGrammar.skipSpace(data, from: 0)
            guard start < data.byteCount, data[start] == UInt8(ascii: "{"),
                let end = try? JSONGrammar.skipValue(data, from: start, depth: 0),
                JSONGrammar.skipSpace(data, from: end) == data.byteCount
            else { return nil }
            return facts
        }
        guard let walk = try? EventWalk(over: data, nested: true) else { return nil }
        facts.isError = walk.isError
        if let usage = walk.usage {
            facts.usage = EventUsage(usage: usage, isUsageOnly: walk.hasNoChoices)
        }
        return facts
    }

    /// The token counts of one event; nil when it has none at its top level.
    package static func usage(inEvent data: RawSpan, nested: Bool = false) -> EventUsage? {
        facts(inEvent: data, nested: nested).usage
    }

    /// Whether some choice of one event says why it ended: a `finish_reason` that is a string.
    package static func hasFinishReason(inEvent data: RawSpan) -> Bool {
        EventMarks(in: data).contains(.finishReason)
    }

    /// Whether one event is a failure report: it has a top-level `error` that is an object or,
    /// as some servers write it, a string.
    package static func isError(inEvent data: RawSpan) -> Bool { facts(inEvent: data).isError }
}

/// One walk over the top-level members of an event.
private struct EventWalk {
    var usage: TokenUsage?
    var hasNoChoices = false
    var isError = false

    init(over data: RawSpan, nested: Bool) throws(JSONFault) {
        try JSONGrammar.checkStart(data)
        let start = JSONGrammar.skipSpace(data, from: 0)
        guard try JSONGrammar.byte(data, at: start) == UInt8(ascii: "{") else {
            throw JSONFault(.notAnObject, at: start)
        }
        var members = JSONGrammar.Members(behindBrace: start &+ 1)
        while let member = try members.next(data) {
            members.offset = try take(member, in: data, nested: nested)
        }
        try JSONGrammar.checkEnd(data, from: members.offset)
    }

    private mutating func take(
        _ member: JSONGrammar.Member, in data: RawSpan, nested: Bool
    ) throws(JSONFault) -> Int {
        let name = data.extracting(member.nameStart..<member.nameEnd)
        let first = data[member.value]
        if first == UInt8(ascii: "{") {
            if name.equals("usage") { return try takeUsage(data, at: member.value, depth: 1) }
            if nested, name.equals("response") || name.equals("message") {
                var inner = JSONGrammar.Members(behindBrace: member.value &+ 1)
                while let part = try inner.next(data) {
                    let name = data.extracting(part.nameStart..<part.nameEnd)
                    let isUsage = name.equals("usage")
                    // What a failed response of the Responses API says why.
                    if name.equals("error"), data[part.value] == UInt8(ascii: "{") {
                        isError = true
                    }
                    inner.offset =
                        isUsage && data[part.value] == UInt8(ascii: "{")
                        ? try takeUsage(data, at: part.value, depth: 2)
                        : try JSONGrammar.skipValue(data, from: part.value, depth: 2)
                }
                return inner.offset
            }
        }
        let end = try JSONGrammar.skipValue(data, from: member.value, depth: 1)
        if name.equals("error") {
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "\"") { isError = true }
        } else if first == UInt8(ascii: "["), name.equals("choices") {
            let inner = JSONGrammar.skipSpace(data, from: member.value &+ 1)
            hasNoChoices = data[inner] == UInt8(ascii: "]")
        }
        return end
    }

    private mutating func takeUsage(
        _ data: RawSpan, at offset: Int, depth: Int
    ) throws(JSONFault) -> Int {
        let (found, end) = try TokenUsage.read(data, at: offset, depth: depth)
        if let found { usage = found }
        return end
    }
}
