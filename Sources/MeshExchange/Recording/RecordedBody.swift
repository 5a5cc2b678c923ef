// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire

/// What the scanner read in a request body, without the body: a body that reads the same can be
/// made from it.
package struct RecordedBody: Codable, Hashable, Sendable {
    /// Bytes of the body.
    package var length: Int
    /// What is wrong with it when it could not be read; nothing else is known then.
    package var fault: RecordedRefusal?
    /// Whether it was read at all: without a rule that needs facts it is only kept.
    package var isRead = false
    /// The contents of the `model` string as they were written, escapes and all.
    package var model: String?
    /// `stream`.
    package var stream = false
    /// `stream_options.include_usage`.
    package var includeUsage: Bool?
    /// The smallest bound on tokens that was given.
    package var tokensMin: Int?
    /// The largest one.
    package var tokensMax: Int?
    /// `n`.
    package var n: Int?
    /// `best_of`.
    package var bestOf: Int?
    /// Count of tools.
    package var tools = 0
    /// Their names, when all of them are known and short.
    package var toolNames: [String]?
    /// Bytes of prompts and messages.
    package var inputBytes = 0
    /// What it asks for beyond text, where anything depends on that.
    package var needs: RecordedNeeds?

    /// A body that is kept and not read.
    init(length: Int) { self.length = length }

    /// What `facts` say of `body`.
    init(_ facts: RequestFacts, _ body: RawSpan) {
        length = body.byteCount
        isRead = true
        model = facts.model.map { Latin1.text(body.extracting($0.range)) }
        stream = facts.stream
        includeUsage = facts.includeUsage
        tokensMin = facts.maxTokens
        tokensMax = facts.maxTokensCeiling
        n = facts.n
        bestOf = facts.bestOf
        tools = facts.toolCount
        if tools > 0, let names = ToolNames.read(facts, in: body, most: Limits.recordedTools),
            names.allSatisfy({ $0.utf8.count <= Limits.recordedToolBytes })
        {
            toolNames = names
        }
        inputBytes = facts.inputBytes
    }

    /// A body of a request that was never sent, for a dry run.
    package init(model: String?, stream: Bool, tokensMax: Int?, inputBytes: Int) {
        isRead = true
        length = 0
        self.model = model.map { name in
            // As a JSON string must have it.
            let escaped = name.unicodeScalars.map { scalar in
                scalar == "\"" || scalar == "\\" || scalar.value < 0x20 ? "?" : String(scalar)
            }
            return Latin1.text(unsafe Array(escaped.joined().utf8).span.bytes)
        }
        self.stream = stream
        tokensMin = tokensMax
        self.tokensMax = tokensMax
        self.inputBytes = inputBytes
        length = bytes.count
    }

    /// What was read, in words.
    func text(_ operation: Operation) -> String {
        var words = ["operation \(operation.staticName)"]
        if let model {
            words.append("model \(model.prefix(Limits.recordedModelBytes))")
        }
        words.append(stream ? "streamed" : "not streamed")
        if let tokensMax { words.append("at most \(tokensMax) tokens") }
        if let n { words.append("\(n) answers") }
        if tools > 0 { words.append("\(tools) tools") }
        words.append("\(length) bytes, \(inputBytes) of them prompt")
        return words.joined(separator: ", ")
    }

    /// A body of the same length that the scanner reads in the same way.
    package var bytes: [UInt8] {
        let (length, tools, inputBytes) = (max(0, length), max(0, tools), max(0, inputBytes))
        guard isRead else { return Array(repeating: UInt8(ascii: " "), count: length) }
        var members: [[UInt8]] = []
        func add(_ name: String, _ value: [UInt8]) {
            members.append(Array("\"\(name)\":".utf8) + value)
        }
        func add(_ name: String, _ value: Int?) {
            if let value { add(name, Array("\(value)".utf8)) }
        }
        if let model { add("model", [UInt8(ascii: "\"")] + Latin1.bytes(model) + [0x22]) }
        if stream { add("stream", Array("true".utf8)) }
        if let includeUsage {
            add("stream_options", Array("{\"include_usage\":\(includeUsage)}".utf8))
        }
        add("max_tokens", tokensMin)
        if tokensMax != tokensMin { add("max_output_tokens", tokensMax) }
        add("n", n)
        add("best_of", bestOf)
        if tools > 0 { add("tools", toolBytes(tools)) }
        switch inputBytes {
        case 0: break
        case 1: add("input", [UInt8(ascii: "0")])
        default:
            let filler = Array(repeating: UInt8(ascii: "x"), count: inputBytes - 2)
            add("input", [0x22] + filler + [0x22])
        }
        var out = [UInt8(ascii: "{")] + members.joined(separator: [UInt8(ascii: ",")])
        if out.count + 1 < length {
            out += Array(repeating: UInt8(ascii: " "), count: length - out.count - 1)
        }
        return out + [UInt8(ascii: "}")]
    }
}

extension RecordedBody {
    /// `count` tools that are called as they were; without a name where one was not known.
    private func toolBytes(_ count: Int) -> [UInt8] {
        var elements = Array(repeating: Array("{}".utf8), count: count)
        if let toolNames, toolNames.count == count {
            elements = toolNames.map { name in
                var element = Array("{\"name\":".utf8)
                element.appendJSONString(name)
                return element + [UInt8(ascii: "}")]
            }
        }
        return [UInt8(ascii: "[")] + elements.joined(separator: [UInt8(ascii: ",")])
            + [UInt8(ascii: "]")]
    }
}

/// What a request asks for beyond text, without its text.
package struct RecordedNeeds: Codable, Hashable, Sendable {
    /// Whether a message holds an image.
    package var images: Bool
    /// Whether the answer must have a form.
    package var formed: Bool
    /// Whether probabilities are asked for.
    package var probabilities: Bool
    /// Whether a completion repeats its prompt or fits in front of a text.
    package var echoed: Bool
    /// Whether there are messages.
    package var messages: Bool
    /// Whether the prompt is one text.
    package var prompt: Bool
    /// Whether an item can be put behind the input.
    package var input: Bool?

    init(_ needs: RequestNeeds) {
        images = needs.hasImages
        formed = needs.isFormed
        probabilities = needs.wantsProbabilities
        echoed = needs.isEchoed
        messages = needs.messagesEnd != nil
        prompt = needs.prompt != nil
        input = needs.input != nil ? true : nil
    }

    /// The needs again; places in the body are only said to be there.
    var needs: RequestNeeds {
        var needs = RequestNeeds()
        needs.hasImages = images
        needs.isFormed = formed
        needs.wantsProbabilities = probabilities
        needs.isEchoed = echoed
        needs.messagesEnd = messages ? 0 : nil
        needs.prompt = prompt ? .empty : nil
        needs.input = input == true ? .empty : nil
        return needs
    }
}

/// Bytes as text in which each byte is the character of that number, so that any bytes survive
/// in JSON and ASCII stays readable.
///
/// **Source** ISO/IEC 8859-1 as the first 256 characters of Unicode.
package enum Latin1 {
    /// The text of `bytes`.
    package static func text(_ bytes: RawSpan) -> String {
        var text = String.UnicodeScalarView()
        for i in 0..<bytes.byteCount { text.append(Unicode.Scalar(bytes[i])) }
        return String(text)
    }

    /// The bytes of `text`; characters that no byte has become question marks.
    package static func bytes(_ text: String) -> [UInt8] {
        text.unicodeScalars.map { UInt8(exactly: $0.value) ?? UInt8(ascii: "?") }
    }
}
