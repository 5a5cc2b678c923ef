// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshWire

/// The few places in which a forwarded body differs from the one the caller sent.
///
/// Everything between two places passes as the very bytes that came, so an edit never disagrees
/// with the caller about anything it did not mean to change.
package struct BodyEdits: Sendable, Hashable {
    /// One replaced run of bytes.
    package struct Splice: Sendable, Hashable {
        /// The bytes that go.
        package var range: ByteRange
        /// The bytes that come in their place.
        package var replacement: [UInt8]
    }

    /// The edits in order of position; they do not overlap.
    package private(set) var splices: [Splice] = []

    /// No edits.
    package init() {}

    /// Whether the body passes as it is.
    package var isEmpty: Bool { splices.isEmpty }

    /// The length of the edited body for an original of `count` bytes.
    package func length(of count: Int) -> Int {
        splices.reduce(count) { $0 - $1.range.count + $1.replacement.count }
    }

    /// Adds an edit that overlaps none of those that are there.
    package mutating func insert(_ range: ByteRange, _ replacement: [UInt8]) {
        let at = splices.firstIndex { $0.range.lowerBound > range.lowerBound } ?? splices.count
        splices.insert(Splice(range: range, replacement: replacement), at: at)
    }

    /// The edits that forward `facts`' body to an upstream that knows the model as
    /// `upstreamModel`, asking for usage in a stream when `askForUsage`.
    ///
    /// **Shape** `upstreamModel` is plain UTF-8; nil keeps the caller's name.
    package init(
        _ facts: RequestFacts, body: RawSpan, upstreamModel: [UInt8]?, askForUsage: Bool
    ) {
        if let upstreamModel, let range = facts.model {
            var quoted: [UInt8] = []
            quoted.appendJSONString(unsafe upstreamModel.span.bytes)
            insert(ByteRange(range.start - 1, range.end + 1), quoted)
        }
        guard askForUsage else { return }
        if let value = facts.includeUsageValue {
            insert(value, Array("true".utf8))
        } else if let options = facts.streamOptions, body[options.start] == UInt8(ascii: "n") {
            // A `null` that the caller wrote.
            insert(options, Array(#"{"include_usage":true}"#.utf8))
        } else if let options = facts.streamOptions {
            // Just behind the opening brace of the caller's own stream_options.
            let at = ByteRange(options.start + 1, options.start + 1)
            let separator = Self.isEmptyObject(body.extracting(options.range)) ? "" : ","
            insert(at, Array(#""include_usage":true\#(separator)"#.utf8))
        } else {
            let at = ByteRange(facts.objectStart, facts.objectStart)
            let separator = facts.isEmptyObject ? "" : ","
            insert(at, Array(#""stream_options":{"include_usage":true}\#(separator)"#.utf8))
        }
    }

    /// Whether nothing but white space stands between the braces of `object`.
    private static func isEmptyObject(_ object: RawSpan) -> Bool {
        for i in 1..<max(1, object.byteCount - 1) where object[i] > 0x20 { return false }
        return true
    }

    /// Appends the edited body to `out`.
    package func append(_ body: RawSpan, to out: inout [UInt8]) {
        append(body, in: ByteRange(0, body.byteCount), to: &out)
    }

    /// Appends what `part` of the body has become; no edit crosses its borders.
    package func append(_ body: RawSpan, in part: ByteRange, to out: inout [UInt8]) {
        var at = part.start
        for splice in splices where splice.range.start >= part.start {
            guard splice.range.end <= part.end else { break }
            out.append(body.extracting(at..<splice.range.start))
            out.append(contentsOf: splice.replacement)
            at = splice.range.end
        }
        out.append(body.extracting(at..<part.end))
    }
}

/// How a request says that the answer goes on from its last message.
///
/// **Source** trailing assistant messages of llama.cpp, TGI and Anthropic;
/// `continue_final_message` with `add_generation_prompt` of vLLM and SGLang; `prefix` of Mistral
/// and DeepSeek.
package enum PrefillForm: Sendable, Hashable {
    /// The message alone is enough.
    case assistantMessage
    /// `continue_final_message` is true and `add_generation_prompt` false.
    case continueFinalMessage
    /// The message says `prefix`.
    case prefixFlag
}

extension BodyEdits {
    /// Adds what makes a server go on with an answer of which `text` was given out.
    ///
    /// **Shape** `text` is the contents of a JSON string, of `tokens` tokens.
    package mutating func insertAnswer(
        _ text: [UInt8], tokens: Int, needs: RequestNeeds, facts: RequestFacts?, body: RawSpan,
        operation: Operation, prefill: PrefillForm
    ) {
        for range in needs.bounds {
            guard let bound = body.extracting(range.range).decimal else { continue }
            insert(range, Array(String(max(1, bound - tokens)).utf8))
        }
        if let range = needs.leastTokens, let least = body.extracting(range.range).decimal {
            insert(range, Array(String(max(0, least - tokens)).utf8))
        }
        switch operation {
        case .textCompletion:
            if let prompt = needs.prompt { insert(ByteRange(prompt.end, prompt.end), text) }
        case .responses: insertItem(text, needs, body)
        case .chat: insertMessage(text, needs, facts, prefill)
        case .none, .embeddings, .rerank, .tokenize, .models: break
        }
    }

    /// Adds the item of the Responses API that says what was said so far and is not over.
    ///
    /// **Source** the output message of the OpenAI API reference; vLLM goes on with one whose
    /// `status` is `in_progress`, llama.cpp with any that comes last.
    private mutating func insertItem(_ text: [UInt8], _ needs: RequestNeeds, _ body: RawSpan) {
        guard let input = needs.input else { return }
        var item: [UInt8] = []
        item.append(#"{"type":"message","id":"msg_0","role":"assistant","#)
        item.append(#""status":"in_progress","content":[{"type":"output_text","#)
        item.append(#""annotations":[],"text":""#)
        item.append(contentsOf: text)
        item.append(#""}]}"#)
        if body[input.start] == UInt8(ascii: "\"") {
            let front = Array(#"[{"role":"user","content":"#.utf8)
            insert(ByteRange(input.start, input.start), front)
            insert(ByteRange(input.end, input.end), Array("},".utf8) + item + Array("]".utf8))
        } else {
            let end = ByteRange(input.end - 1, input.end - 1)
            insert(end, (needs.inputItems > 0 ? [UInt8(ascii: ",")] : []) + item)
        }
    }

    /// Adds the message that says what was said so far, or adds that to the caller's own.
    private mutating func insertMessage(
        _ text: [UInt8], _ needs: RequestNeeds, _ facts: RequestFacts?, _ prefill: PrefillForm
    ) {
        if needs.endsWithAssistant, let last = needs.lastContent {
            // The caller had the answer begin with words of its own: it goes on from both.
            insert(ByteRange(last.end, last.end), text)
        } else if let end = needs.messagesEnd {
            var message = Array((needs.messages > 0 ? "," : "").utf8)
            message.append("{\"role\":\"assistant\",\"content\":\"")
            message.append(contentsOf: text)
            message.append(prefill == .prefixFlag ? "\",\"prefix\":true}" : "\"}")
            insert(ByteRange(end, end), message)
        }
        guard prefill == .continueFinalMessage, let facts else { return }
        set("continue_final_message", "true", at: needs.continuesFinal, facts)
        set("add_generation_prompt", "false", at: needs.addsPrompt, facts)
    }

    /// Gives the member `name` this value: in the place of the one it has, or at the front.
    private mutating func set(
        _ name: String, _ value: String, at range: ByteRange?, _ facts: RequestFacts
    ) {
        if let range {
            insert(range, Array(value.utf8))
        } else {
            let front = ByteRange(facts.objectStart, facts.objectStart)
            insert(front, Array("\"\(name)\":\(value),".utf8))
        }
    }
}
