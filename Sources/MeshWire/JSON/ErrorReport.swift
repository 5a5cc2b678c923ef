// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What an error answer of a model server says, whichever of the common shapes it has.
///
/// **Source** `{"error":{"message","type","code"}}` of the OpenAI API reference, which most
/// servers follow, llama.cpp with a number for `code`; `{"type":"error","error":{"type"}}` of
/// Anthropic's; the same members at the top, as vLLM wrote them before 0.9; `{"detail":…}` of
/// FastAPI; `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}` of Gemini, also as the first
/// element of a list; `{"message"}` of Cohere; `{"__type","message"}` of Bedrock;
/// `{"error","error_type"}` of TGI; `{"type":"response.failed","response":{"error":{…}}}` and
/// `{"type":"error","code","message"}` of the Responses API.
package struct ErrorReport: Hashable, Sendable {
    /// Contents of `code` when that is a string, without quotes.
    package var code: ByteRange?
    /// Contents of `type`.
    package var type: ByteRange?
    /// Contents of `status` (Gemini), `__type` (Bedrock) or `error_type` (TGI).
    package var kind: ByteRange?
    /// Contents of `message` or `detail`.
    package var message: ByteRange?
    /// `code` or `status` when that is a number.
    package var status: Int?
    /// Whether there is an `error` that is an object or a string.
    package var isError = false

    /// Reads `document`.
    ///
    /// **Errors** what is not one JSON object, nor a list that begins with one.
    package init(_ document: RawSpan) throws(JSONFault) {
        try JSONGrammar.checkStart(document)
        let start = JSONGrammar.skipSpace(document, from: 0)
        if try JSONGrammar.byte(document, at: start) == UInt8(ascii: "[") {
            let end = try JSONGrammar.skipValue(document, from: start, depth: 0)
            try JSONGrammar.checkEnd(document, from: end)
            let first = JSONGrammar.skipSpace(document, from: start &+ 1)
            guard document[first] == UInt8(ascii: "{") else {
                throw JSONFault(.notAnObject, at: first)
            }
            _ = try read(document, behindBrace: first &+ 1, depth: 1)
            return
        }
        guard try JSONGrammar.byte(document, at: start) == UInt8(ascii: "{") else {
            throw JSONFault(.notAnObject, at: start)
        }
        let end = try read(document, behindBrace: start &+ 1, depth: 1)
        try JSONGrammar.checkEnd(document, from: end)
    }

    private mutating func read(
        _ document: RawSpan, behindBrace offset: Int, depth: Int
    ) throws(JSONFault) -> Int {
        var members = JSONGrammar.Members(behindBrace: offset)
        while let member = try members.next(document) {
            let name = document.extracting(member.nameStart..<member.nameEnd)
            let first = document[member.value]
            if depth == 1, name.equals("error"), first == UInt8(ascii: "{") {
                isError = true
                members.offset = try read(
                    document, behindBrace: member.value &+ 1, depth: depth &+ 1)
                continue
            }
            if depth == 1, name.equals("response"), first == UInt8(ascii: "{") {
                members.offset = try readFailed(document, behindBrace: member.value &+ 1)
                continue
            }
            let end = try JSONGrammar.skipValue(document, from: member.value, depth: depth)
            members.offset = end
            if first == UInt8(ascii: "\"") {
                keep(name, ByteRange(member.value &+ 1, end &- 1), depth)
            } else if name.equals("code") || name.equals("status") {
                status = document.extracting(member.value..<end).decimal ?? status
            }
        }
        return members.offset
    }

    /// Reads the `error` of a failed response, and nothing else of it.
    private mutating func readFailed(
        _ document: RawSpan, behindBrace offset: Int
    ) throws(JSONFault) -> Int {
        var members = JSONGrammar.Members(behindBrace: offset)
        while let member = try members.next(document) {
            let name = document.extracting(member.nameStart..<member.nameEnd)
            guard name.equals("error"), document[member.value] == UInt8(ascii: "{") else {
                members.offset = try JSONGrammar.skipValue(document, from: member.value, depth: 2)
                continue
            }
            isError = true
            members.offset = try read(document, behindBrace: member.value &+ 1, depth: 3)
        }
        return members.offset
    }

    /// What stands inside `error` counts more than the same beside it.
    private mutating func keep(_ name: RawSpan, _ contents: ByteRange, _ depth: Int) {
        if name.equals("code"), code == nil || depth > 1 { code = contents }
        if name.equals("type"), type == nil || depth > 1 { type = contents }
        if name.equals("status") || name.equals("__type") || name.equals("error_type"),
            kind == nil || depth > 1
        {
            kind = contents
        }
        if name.equals("message") || name.equals("detail"), message == nil || depth > 1 {
            message = contents
        }
        if depth == 1, name.equals("error") {
            isError = true
            message = contents
        }
    }
}
