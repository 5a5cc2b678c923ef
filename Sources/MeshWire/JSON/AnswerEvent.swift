// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// One event of a streamed answer, read closely enough to go on with the answer elsewhere.
///
/// Only streams that may be continued are read like this; all others are looked at by
/// `UsageScanner`, which is several times as quick. Ranges point into the event's data.
///
/// **Source** the chunk objects of chat completions and completions of the OpenAI API reference;
/// `reasoning_content` and `reasoning` as vLLM, SGLang, llama.cpp and DeepSeek write them.
package struct AnswerEvent: Hashable, Sendable {
    /// The literal behind `id`, with its quotes.
    package var id: ByteRange?
    /// The literal behind `created`.
    package var created: ByteRange?
    /// The literal behind `model`, with its quotes.
    package var model: ByteRange?
    /// Elements of `choices`; nil when there is no such array.
    package var choices: Int?
    /// `index` of the first choice.
    package var index = 0
    /// The contents, without quotes, of the first choice's `delta.content` or `text`.
    package var text: ByteRange?
    /// The same of `delta.reasoning_content` or `delta.reasoning`: what was thought.
    package var reasoning: ByteRange?
    /// The whole member `delta.role`, with the comma that belongs to it.
    package var role: ByteRange?
    /// Whether the first choice holds a part of a tool call.
    package var hasToolCall = false
    /// The value of the first choice's `logprobs`, unless that is null.
    package var probabilities: ByteRange?
    /// Whether it holds anything else that is none of these: a refusal, sound.
    package var hasOther = false
    /// The literal behind the first choice's `finish_reason`, unless that is null.
    package var finish: ByteRange?
    /// The whole `usage` object.
    package var usage: ByteRange?
    /// What that says, when it can be used.
    package var tokens: TokenUsage?
    /// Whether the server reports a failure in place of an answer.
    package var isError = false

    /// Reads `data`.
    ///
    /// **Errors** what is not one JSON object.
    package init(_ data: RawSpan) throws(JSONFault) {
        try JSONGrammar.checkStart(data)
        let start = JSONGrammar.skipSpace(data, from: 0)
        guard try JSONGrammar.byte(data, at: start) == UInt8(ascii: "{") else {
            throw JSONFault(.notAnObject, at: start)
        }
        var members = JSONGrammar.Members(behindBrace: start &+ 1)
        while let member = try members.next(data) {
            let name = data.extracting(member.nameStart..<member.nameEnd)
            if name.equals("choices"), data[member.value] == UInt8(ascii: "[") {
                members.offset = try takeChoices(data, at: member.value)
                continue
            }
            if name.equals("usage"), data[member.value] == UInt8(ascii: "{") {
                let (found, end) = try TokenUsage.read(data, at: member.value, depth: 1)
                tokens = found
                usage = ByteRange(member.value, end)
                members.offset = end
                continue
            }
            let end = try JSONGrammar.skipValue(data, from: member.value, depth: 1)
            members.offset = end
            let value = ByteRange(member.value, end)
            switch data[member.value] {
            case UInt8(ascii: "{"):
                if name.equals("error") { isError = true }
            case UInt8(ascii: "\""):
                if name.equals("id") { id = value }
                if name.equals("model") { model = value }
                if name.equals("error") { isError = true }
            default:
                if name.equals("created") { created = value }
            }
        }
        try JSONGrammar.checkEnd(data, from: members.offset)
    }

    private mutating func takeChoices(
        _ data: RawSpan, at offset: Int
    ) throws(JSONFault) -> Int {
        var count = 0
        var i = JSONGrammar.skipSpace(data, from: offset &+ 1)
        if try JSONGrammar.byte(data, at: i) == UInt8(ascii: "]") {
            choices = 0
            return i &+ 1
        }
        while true {
            i = JSONGrammar.skipSpace(data, from: i)
            if count == 0, try JSONGrammar.byte(data, at: i) == UInt8(ascii: "{") {
                i = try takeChoice(data, at: i)
            } else {
                i = try JSONGrammar.skipValue(data, from: i, depth: 2)
            }
            count &+= 1
            i = JSONGrammar.skipSpace(data, from: i)
            let next = try JSONGrammar.byte(data, at: i)
            i &+= 1
            if next == UInt8(ascii: "]") {
                choices = count
                return i
            }
            guard next == UInt8(ascii: ",") else {
                throw JSONFault(.unexpectedByte, at: i &- 1)
            }
        }
    }

    private mutating func takeChoice(_ data: RawSpan, at offset: Int) throws(JSONFault) -> Int {
        var members = JSONGrammar.Members(behindBrace: offset &+ 1)
        while let member = try members.next(data) {
            let name = data.extracting(member.nameStart..<member.nameEnd)
            let first = data[member.value]
            if name.equals("delta"), first == UInt8(ascii: "{") {
                members.offset = try takeDelta(data, at: member.value)
                continue
            }
            let end = try JSONGrammar.skipValue(data, from: member.value, depth: 3)
            members.offset = end
            if name.equals("index") {
                index = data.extracting(member.value..<end).decimal ?? 0
            } else if first == UInt8(ascii: "\""), name.equals("finish_reason") {
                finish = ByteRange(member.value, end)
            } else if first == UInt8(ascii: "\""), name.equals("text"), end - member.value > 2 {
                text = ByteRange(member.value &+ 1, end &- 1)
            } else if first != UInt8(ascii: "n"), name.equals("logprobs") {
                probabilities = ByteRange(member.value, end)
            }
        }
        return members.offset
    }

    private mutating func takeDelta(_ data: RawSpan, at offset: Int) throws(JSONFault) -> Int {
        var members = JSONGrammar.Members(behindBrace: offset &+ 1)
        while let member = try members.next(data) {
            let name = data.extracting(member.nameStart..<member.nameEnd)
            let end = try JSONGrammar.skipValue(data, from: member.value, depth: 4)
            members.offset = end
            let value = data.extracting(member.value..<end)
            if name.equals("role") {
                role = Self.withComma(data, ByteRange(member.nameStart &- 1, end))
            } else if value.equals("null") || value.equals("\"\"") || value.equals("[]") {
                continue
            } else if name.equals("content"), value[0] == UInt8(ascii: "\"") {
                text = ByteRange(member.value &+ 1, end &- 1)
            } else if value[0] == UInt8(ascii: "\""),
                name.equals("reasoning_content") || name.equals("reasoning")
            {
                reasoning = ByteRange(member.value &+ 1, end &- 1)
            } else if name.equals("tool_calls") || name.equals("function_call") {
                hasToolCall = true
            } else if !name.equals("annotations"), !name.equals("token_ids") {
                hasOther = true
            }
        }
        return members.offset
    }

    /// `member` with the comma behind it, or else the one in front of it.
    private static func withComma(_ data: RawSpan, _ member: ByteRange) -> ByteRange {
        let next = JSONGrammar.skipSpace(data, from: member.end)
        if next < data.byteCount, data[next] == UInt8(ascii: ",") {
            return ByteRange(member.start, next &+ 1)
        }
        var start = member.start
        while start > 0, data[start &- 1] <= 0x20 { start &-= 1 }
        let hasComma = start > 0 && data[start &- 1] == UInt8(ascii: ",")
        return ByteRange(hasComma ? start &- 1 : member.start, member.end)
    }
}
