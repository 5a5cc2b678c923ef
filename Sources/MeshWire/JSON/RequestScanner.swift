// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Reads the facts of a request out of a complete body in one forward pass.
///
/// The body goes to the server as it came, so policy and server must read the same thing out of
/// it. Whatever two readers could understand differently is refused: a name we act on that is
/// given twice, in any spelling, or in another letter case. The whole body is checked against
/// the grammar, also where we act on nothing.
///
/// Invariant: no allocation, no recursion, time linear in the size of the body.
package enum RequestScanner {
    /// The facts of `body`.
    ///
    /// **Errors** `.invalidJSON`, `.duplicateKey`, `.tooDeep`, `.tooLarge`, `.wrongType`; the
    /// first met in the order of the bytes.
    package static func scan(_ body: RawSpan) throws(JSONFault) -> RequestFacts {
        try JSONGrammar.checkStart(body)
        let start = JSONGrammar.skipSpace(body, from: 0)
        guard try JSONGrammar.byte(body, at: start) == UInt8(ascii: "{") else {
            try JSONGrammar.validate(body)
            throw JSONFault(.notAnObject, at: start)
        }
        var facts = RequestFacts(objectStart: start &+ 1)
        var members = JSONGrammar.Members(behindBrace: start &+ 1)
        var seen: UInt32 = 0
        while let member = try members.next(body) {
            facts.isEmptyObject = false
            guard let key = try RequestKey.ofRequest(member, in: body) else {
                members.offset = try JSONGrammar.skipValue(body, from: member.value, depth: 1)
                continue
            }
            guard seen & key.bit == 0 else {
                throw JSONFault(.duplicateKey, at: member.nameStart)
            }
            seen |= key.bit
            members.offset = try take(key, at: member.value, in: body, into: &facts)
        }
        try JSONGrammar.checkEnd(body, from: members.offset)
        return facts
    }

    /// Reads the value of `key` at `offset`; answers the offset behind it.
    private static func take(
        _ key: RequestKey, at offset: Int, in body: RawSpan, into facts: inout RequestFacts
    ) throws(JSONFault) -> Int {
        switch key {
        case .messages, .prompt, .input, .system, .instructions:
            let end =
                key == .prompt && body[offset] == UInt8(ascii: "[")
                ? try prompts(body, at: offset, into: &facts)
                : try JSONGrammar.skipValue(body, from: offset, depth: 1)
            facts.inputBytes &+= end &- offset
            return end
        case .includeUsage:
            return try JSONGrammar.skipValue(body, from: offset, depth: 1)
        case .model, .stream, .streamOptions, .maxTokens, .maxCompletionTokens,
            .maxOutputTokens, .user, .n, .bestOf, .tools, .functions:
            break
        }
        if body[offset] == UInt8(ascii: "n") {
            let end = try JSONGrammar.skipScalar(body, from: offset, first: body[offset])
            if key == .streamOptions { facts.streamOptions = ByteRange(offset, end) }
            return end
        }
        switch key {
        case .model:
            let text = try string(body, at: offset)
            facts.model = ByteRange(offset &+ 1, text.end &- 1)
            facts.modelHasEscapes = text.hasEscapes
            return text.end
        case .user:
            let text = try string(body, at: offset)
            facts.user = ByteRange(offset &+ 1, text.end &- 1)
            return text.end
        case .stream:
            let (value, end) = try boolean(body, at: offset)
            facts.stream = value
            return end
        case .streamOptions: return try options(body, at: offset, into: &facts)
        case .tools:
            let end = try tools(body, at: offset, into: &facts)
            facts.tools = ByteRange(offset, end)
            return end
        case .functions:
            let end = try tools(body, at: offset, into: &facts)
            facts.functions = ByteRange(offset, end)
            return end
        case .n:
            let (value, end) = try count(body, at: offset)
            facts.n = value
            return end
        case .bestOf:
            let (value, end) = try count(body, at: offset)
            facts.bestOf = value
            return end
        case .maxTokens, .maxCompletionTokens, .maxOutputTokens:
            let (value, end) = try count(body, at: offset)
            facts.maxTokens = min(facts.maxTokens ?? value, value)
            facts.maxTokensCeiling = max(facts.maxTokensCeiling ?? value, value)
            return end
        case .messages, .prompt, .input, .system, .instructions, .includeUsage:
            return offset
        }
    }
}

extension RequestScanner {
    /// Walks over `stream_options` and looks for `include_usage` in it.
    private static func options(
        _ body: RawSpan, at offset: Int, into facts: inout RequestFacts
    ) throws(JSONFault) -> Int {
        guard body[offset] == UInt8(ascii: "{") else {
            throw try wrong(.notAnOptionsObject, body, at: offset)
        }
        var members = JSONGrammar.Members(behindBrace: offset &+ 1)
        while let member = try members.next(body) {
            guard try RequestKey.ofOptions(member, in: body) != nil else {
                members.offset = try JSONGrammar.skipValue(body, from: member.value, depth: 2)
                continue
            }
            guard facts.includeUsageValue == nil else {
                throw JSONFault(.duplicateKey, at: member.nameStart)
            }
            if body[member.value] == UInt8(ascii: "n") {
                members.offset = try JSONGrammar.skipValue(body, from: member.value, depth: 2)
            } else {
                let (value, end) = try boolean(body, at: member.value)
                facts.includeUsage = value
                members.offset = end
            }
            facts.includeUsageValue = ByteRange(member.value, members.offset)
        }
        facts.streamOptions = ByteRange(offset, members.offset)
        return members.offset
    }

    /// Walks over a list of prompts and counts them; numbers are the tokens of one.
    private static func prompts(
        _ body: RawSpan, at offset: Int, into facts: inout RequestFacts
    ) throws(JSONFault) -> Int {
        var count = 0
        var i = JSONGrammar.skipSpace(body, from: offset &+ 1)
        if try JSONGrammar.byte(body, at: i) == UInt8(ascii: "]") { return i &+ 1 }
        while true {
            i = JSONGrammar.skipSpace(body, from: i)
            let first = try JSONGrammar.byte(body, at: i)
            if first == UInt8(ascii: "\"") || first == UInt8(ascii: "[") { count &+= 1 }
            i = JSONGrammar.skipSpace(
                body, from: try JSONGrammar.skipValue(body, from: i, depth: 2))
            let next = try JSONGrammar.byte(body, at: i)
            i &+= 1
            if next == UInt8(ascii: "]") { break }
            guard next == UInt8(ascii: ",") else {
                throw JSONFault(.unexpectedByte, at: i &- 1)
            }
        }
        facts.prompts = max(1, count)
        return i
    }

    /// Walks over `tools` or `functions` and counts its elements.
    private static func tools(
        _ body: RawSpan, at offset: Int, into facts: inout RequestFacts
    ) throws(JSONFault) -> Int {
        guard body[offset] == UInt8(ascii: "[") else {
            throw try wrong(.notAnArray, body, at: offset)
        }
        var i = JSONGrammar.skipSpace(body, from: offset &+ 1)
        if try JSONGrammar.byte(body, at: i) == UInt8(ascii: "]") { return i &+ 1 }
        while true {
            i = try JSONGrammar.skipValue(body, from: i, depth: 2)
            facts.toolCount &+= 1
            i = JSONGrammar.skipSpace(body, from: i)
            let next = try JSONGrammar.byte(body, at: i)
            i &+= 1
            if next == UInt8(ascii: "]") { return i }
            guard next == UInt8(ascii: ",") else {
                throw JSONFault(.unexpectedByte, at: i &- 1)
            }
        }
    }

    private static func string(
        _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> JSONGrammar.StringEnd {
        guard body[offset] == UInt8(ascii: "\"") else {
            throw try wrong(.notAString, body, at: offset)
        }
        return try JSONGrammar.skipString(body, from: offset)
    }

    private static func boolean(
        _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> (value: Bool, end: Int) {
        let first = body[offset]
        guard first == UInt8(ascii: "t") || first == UInt8(ascii: "f") else {
            throw try wrong(.notABoolean, body, at: offset)
        }
        let end = try JSONGrammar.skipScalar(body, from: offset, first: first)
        return (first == UInt8(ascii: "t"), end)
    }

    private static func count(
        _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> (value: Int, end: Int) {
        let end = try JSONGrammar.skipValue(body, from: offset, depth: 1)
        guard let value = body.extracting(offset..<end).decimal else {
            throw JSONFault(.notACount, at: offset)
        }
        return (value, end)
    }

    /// The fault `reason` for a value of the wrong type; throws first what is wrong inside it.
    private static func wrong(
        _ reason: JSONFault.Reason, _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> JSONFault {
        _ = try JSONGrammar.skipValue(body, from: offset, depth: 1)
        return JSONFault(reason, at: offset)
    }
}
