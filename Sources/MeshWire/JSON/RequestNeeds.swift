// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What a request asks of a model beyond text, and where its body must be changed so that another
/// server goes on with an answer that was begun.
///
/// Read only for models that have a use for it. The body was judged by `RequestScanner` before,
/// which refuses names that are given twice; names that only stand here may be, and then the last
/// one counts, as most servers have it.
///
/// **Source** the request objects of chat completions, completions and responses of the OpenAI
/// API reference;
/// `guided_*`, `structured_outputs`, `continue_final_message`, `add_generation_prompt` and
/// `min_tokens` of vLLM and SGLang, `grammar` and `json_schema` of llama.cpp.
package struct RequestNeeds: Hashable, Sendable {
    /// Whether a message holds an image.
    package var hasImages = false
    /// Whether the answer must have a form: `response_format` other than text, a grammar, a schema.
    package var isFormed = false
    /// Whether the probabilities of tokens are asked for.
    package var wantsProbabilities = false
    /// Whether a completion must repeat its prompt, or fits in front of a text.
    package var isEchoed = false
    /// Where a message can be put behind the last one of `messages`.
    package var messagesEnd: Int?
    /// Elements of `messages`.
    package var messages = 0
    /// Whether the last message is one of the assistant, which the answer goes on from.
    package var endsWithAssistant = false
    /// The contents, without quotes, of the last message's `content` when that is a string.
    package var lastContent: ByteRange?
    /// The contents, without quotes, of `prompt` when that is one string.
    package var prompt: ByteRange?
    /// The literal of `input` when an item can be put behind the last one: a string, or a list
    /// whose last item is none of the assistant.
    package var input: ByteRange?
    /// Items of `input` when that is a list.
    package var inputItems = 0
    /// The literals of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    package var bounds: [ByteRange] = []
    /// The literal of `min_tokens`.
    package var leastTokens: ByteRange?
    /// The literal behind `continue_final_message`.
    package var continuesFinal: ByteRange?
    /// The literal behind `add_generation_prompt`.
    package var addsPrompt: ByteRange?

    /// Nothing beyond text.
    package init() {}

    /// The needs of `body`, an object that `RequestScanner` has let pass.
    ///
    /// **Errors** none for such a body. **Complexity** one pass.
    package init(_ body: RawSpan) throws(JSONFault) {
        let start = JSONGrammar.skipSpace(body, from: 0)
        var members = JSONGrammar.Members(behindBrace: start &+ 1)
        while let member = try members.next(body) {
            let name = body.extracting(member.nameStart..<member.nameEnd)
            if name.equals("messages"), body[member.value] == UInt8(ascii: "[") {
                members.offset = try takeMessages(body, at: member.value)
                continue
            }
            let end = try JSONGrammar.skipValue(body, from: member.value, depth: 1)
            members.offset = end
            take(name, ByteRange(member.value, end), body)
        }
    }

    private mutating func take(_ name: RawSpan, _ range: ByteRange, _ body: RawSpan) {
        let value = body.extracting(range.range)
        if value.equals("null") { return }
        let isOff = value.equals("false") || value.equals("0") || value.equals("\"\"")
        switch name.byteCount {
        case 4 where name.equals("echo"): isEchoed = isEchoed || !isOff
        case 4 where name.equals("text"):
            if let text = try? JSONObject(body, at: range.start),
                let format = text.object("format", in: body),
                let type = format.contents("type", in: body)
            {
                isFormed = isFormed || !body.extracting(type.range).equals("text")
            }
        case 5 where name.equals("input"): takeInput(range, body)
        case 6:
            if name.equals("prompt"), value[0] == UInt8(ascii: "\"") {
                prompt = ByteRange(range.start &+ 1, range.end &- 1)
            } else if name.equals("suffix") {
                isEchoed = isEchoed || !isOff
            }
        case 7 where name.equals("grammar"): isFormed = isFormed || !isOff
        case 8 where name.equals("logprobs"):
            // `0` asks completions for the probability of the chosen token alone.
            wantsProbabilities = wantsProbabilities || !value.equals("false")
        case 10:
            if name.equals("max_tokens") { bounds.append(range) }
            if name.equals("min_tokens") { leastTokens = range }
        case 11 where name.equals("json_schema"): isFormed = true
        case 15 where name.equals("response_format"):
            isFormed = isFormed || !value.contains("\"text\"")
        case 17 where name.equals("max_output_tokens"): bounds.append(range)
        case 18 where name.equals("structured_outputs"): isFormed = true
        case 21 where name.equals("max_completion_tokens"): bounds.append(range)
        case 21 where name.equals("add_generation_prompt"): addsPrompt = range
        case 22 where name.equals("continue_final_message"): continuesFinal = range
        default:
            if name.hasPrefix("guided_") { isFormed = isFormed || !isOff }
        }
    }

    private mutating func takeInput(_ range: ByteRange, _ body: RawSpan) {
        input = nil
        if body[range.start] == UInt8(ascii: "\"") {
            input = range
            return
        }
        let value = body.extracting(range.range)
        hasImages = hasImages || value[0] == UInt8(ascii: "[") && value.contains("\"input_image\"")
        guard let items = JSONObject.elements(of: range, in: body) else { return }
        inputItems = items.count
        if let last = items.last, let item = try? JSONObject(body, at: last.start),
            let role = item.contents("role", in: body),
            body.extracting(role.range).equals("assistant")
        {
            return
        }
        input = range
    }

    private mutating func takeMessages(
        _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> Int {
        messages = 0
        var i = JSONGrammar.skipSpace(body, from: offset &+ 1)
        if try JSONGrammar.byte(body, at: i) == UInt8(ascii: "]") {
            messagesEnd = i
            return i &+ 1
        }
        while true {
            i = JSONGrammar.skipSpace(body, from: i)
            endsWithAssistant = false
            lastContent = nil
            if try JSONGrammar.byte(body, at: i) == UInt8(ascii: "{") {
                i = try takeMessage(body, at: i)
            } else {
                i = try JSONGrammar.skipValue(body, from: i, depth: 2)
            }
            messages &+= 1
            i = JSONGrammar.skipSpace(body, from: i)
            let next = try JSONGrammar.byte(body, at: i)
            i &+= 1
            if next == UInt8(ascii: "]") {
                messagesEnd = i &- 1
                return i
            }
        }
    }

    private mutating func takeMessage(
        _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> Int {
        var members = JSONGrammar.Members(behindBrace: offset &+ 1)
        while let member = try members.next(body) {
            let name = body.extracting(member.nameStart..<member.nameEnd)
            let end = try JSONGrammar.skipValue(body, from: member.value, depth: 3)
            members.offset = end
            let value = body.extracting(member.value..<end)
            if name.equals("role") {
                endsWithAssistant = value.equals("\"assistant\"")
            } else if name.equals("content") {
                if value[0] == UInt8(ascii: "\"") {
                    lastContent = ByteRange(member.value &+ 1, end &- 1)
                } else if value[0] == UInt8(ascii: "[") {
                    hasImages =
                        hasImages || value.contains("\"image_url\"")
                        || value.contains("\"input_image\"")
                }
            }
        }
        return members.offset
    }
}

extension RawSpan {
    /// Whether `text` occurs anywhere.
    fileprivate func contains(_ text: StaticString) -> Bool {
        let first = unsafe text.utf8Start.pointee
        var from = 0
        while let at = firstIndex(of: first, from: from) {
            if extracting(at..<byteCount).hasPrefix(text) { return true }
            from = at + 1
        }
        return false
    }
}
