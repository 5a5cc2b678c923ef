// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// What an answer says, taken out of the document or the stream that it came as, so that two
/// answers can be compared that were written by different servers.
///
/// ```
///  {"choices":[{"message":{"content":"Hi","tool_calls":[…]}}]}  ──┐
///                                                                 ├─> choices: text, tools, end
///  data: {"choices":[{"delta":{"content":"H"}}]}  …  [DONE]      ──┘
/// ```
///
/// For comparisons, which are made beside the requests: it builds trees and texts.
package struct AnswerContent: Sendable {
    /// What was said.
    package var kind: Kind
    /// What the server counted, or nil when it did not say.
    package var usage: TokenUsage?
    /// Whether the server reports a failure, or a stream ends before it says that it does.
    package var isFaulty = false
    /// A digest of the bytes.
    package var digest: UInt64

    /// What was said.
    package enum Kind: Sendable {
        /// Answers of a model that writes.
        case choices([Choice])
        /// A JSON document that holds none.
        case document(JSONTree)
        /// Bytes that are no JSON.
        case bytes
    }

    /// One answer of a model that writes.
    package struct Choice: Sendable, Hashable {
        /// The text; empty when there is none.
        package var text = ""
        /// The tools it calls, in their order.
        package var tools: [ToolCall] = []
        /// Why it ended; empty when nothing says that.
        package var finish = ""

        /// An answer that says nothing.
        package init() {}
    }

    /// One call of a tool.
    package struct ToolCall: Sendable, Hashable {
        /// The tool's name.
        package var name = ""
        /// The arguments, JSON as the model wrote it.
        package var arguments = ""

        /// A call of nothing.
        package init() {}
    }

    /// Reads `body`, the payload of an answer to `operation`.
    package init(_ body: RawSpan, operation: Operation) {
        digest = StableHash.of(body)
        kind = .bytes
        if Self.hasChoices(operation), Self.isStream(body) {
            var reading = StreamedContent(operation)
            reading.read(body)
            kind = .choices(reading.ordered)
            usage = reading.usage
            isFaulty = reading.isFaulty
            if let whole = reading.whole { take(whole, operation) }
            return
        }
        guard let tree = try? JSONTree.read(body, bytesMax: .max, depthMax: 60) else { return }
        usage = UsageScanner.usage(inEvent: body)?.usage
        take(tree, operation)
    }

    /// Whether `operation` has a model write, at once or event by event; streams of anything else
    /// are compared as the bytes that they are.
    private static func hasChoices(_ operation: Operation) -> Bool {
        switch operation {
        case .chat, .textCompletion, .responses: true
        case .none, .embeddings, .rerank, .tokenize, .models: false
        }
    }

    private mutating func take(_ tree: JSONTree, _ operation: Operation) {
        if let error = tree["error"], error != .null { isFaulty = true }
        switch operation {
        case .chat, .textCompletion:
            guard let choices = tree["choices"]?.elements else { break }
            kind = .choices(choices.map { Choice($0) })
            return
        case .responses:
            guard let output = tree["output"]?.elements else { break }
            kind = .choices([Choice(output: output, status: tree["status"]?.text ?? "")])
            return
        case .none, .embeddings, .rerank, .tokenize, .models: break
        }
        kind = .document(tree)
    }

    /// Whether `body` is a stream of events: nothing else begins with the name of one of its
    /// fields, or with a comment.
    package static func isStream(_ body: RawSpan) -> Bool {
        var start = 0
        while start < body.byteCount, body[start] <= 0x20 { start += 1 }
        let rest = body.extracting(start..<body.byteCount)
        return rest.hasPrefix("data:") || rest.hasPrefix("event:") || rest.hasPrefix(":")
            || rest.hasPrefix("id:") || rest.hasPrefix("retry:")
    }

    /// The texts of all choices, as somebody would read them.
    package var text: String {
        guard case .choices(let choices) = kind else { return "" }
        return choices.map(\.text).joined(separator: "\n")
    }
}

extension AnswerContent.Choice {
    /// An element of `choices` of a document.
    fileprivate init(_ tree: JSONTree) {
        finish = tree["finish_reason"]?.text ?? ""
        guard let message = tree["message"] else {
            text = tree["text"]?.text ?? ""
            return
        }
        text = Self.text(of: message["content"]) + (message["refusal"]?.text ?? "")
        tools = (message["tool_calls"]?.elements ?? []).map { .init($0["function"] ?? $0) }
        if let call = message["function_call"], call != .null { tools.append(.init(call)) }
    }

    /// `output` of the Responses API.
    fileprivate init(output: [JSONTree], status: String) {
        finish = status
        for item in output {
            switch item["type"]?.text {
            case "message": text += Self.text(of: item["content"])
            case "function_call": tools.append(.init(item))
            default: continue
            }
        }
    }

    /// A text, or a list of parts that have some.
    private static func text(of content: JSONTree?) -> String {
        if let text = content?.text { return text }
        return (content?.elements ?? [])
            .map { $0["text"]?.text ?? $0["refusal"]?.text ?? "" }.joined()
    }
}

extension AnswerContent.ToolCall {
    fileprivate init(_ tree: JSONTree) {
        name = tree["name"]?.text ?? ""
        if let text = tree["arguments"]?.text {
            arguments = text
        } else if let value = tree["arguments"] {
            // Some servers write the arguments as an object.
            var bytes: [UInt8] = []
            value.append(to: &bytes)
            arguments = String(decoding: bytes, as: UTF8.self)
        }
    }
}

/// A streamed answer as it is put together.
private struct StreamedContent {
    let operation: Operation
    var choices: [Int: AnswerContent.Choice] = [:]
    var usage: TokenUsage?
    /// The whole answer, which streams of the Responses API say at their end.
    var whole: JSONTree?
    private var isTerminated = false
    private var sawError = false

    init(_ operation: Operation) { self.operation = operation }

    var isFaulty: Bool { sawError || !isTerminated }

    var ordered: [AnswerContent.Choice] {
        choices.sorted { $0.key < $1.key }.map(\.value)
    }

    mutating func read(_ body: RawSpan) {
        var parser = EventParser(eventBytesMax: max(1, body.byteCount))
        guard let events = try? parser.feed(body), let last = try? parser.finish() else {
            sawError = true
            return
        }
        for event in events + last { take(event) }
        if operation == .chat || operation == .textCompletion, !choices.isEmpty,
            choices.values.allSatisfy({ !$0.finish.isEmpty })
        {
            isTerminated = true
        }
    }

    private mutating func take(_ event: ServerEvent) {
        if event.data == "[DONE]" {
            isTerminated = true
            return
        }
        let bytes = Array(event.data.utf8)
        guard
            let tree = try? JSONTree.read(
                unsafe bytes.span.bytes, bytesMax: .max, depthMax: 60)
        else {
            sawError = true
            return
        }
        if let error = tree["error"], error != .null { sawError = true }
        if let found = UsageScanner.usage(inEvent: unsafe bytes.span.bytes, nested: true) {
            usage = found.usage
        }
        if operation == .responses {
            takeResponse(tree)
            return
        }
        for choice in tree["choices"]?.elements ?? [] {
            let index = Int(clamping: choice["index"]?.integer ?? 0)
            Self.add(choice, to: &choices[index, default: .init()])
        }
    }

    /// Adds the part of a choice in `tree`, in place: a copy for each event would be quadratic.
    private static func add(_ tree: JSONTree, to choice: inout AnswerContent.Choice) {
        if let finish = tree["finish_reason"]?.text { choice.finish = finish }
        let delta = tree["delta"]
        choice.text += delta?["content"]?.text ?? tree["text"]?.text ?? ""
        choice.text += delta?["refusal"]?.text ?? ""
        for part in delta?["tool_calls"]?.elements ?? [] {
            let place = Int(clamping: part["index"]?.integer ?? Int64(choice.tools.count))
            guard (0..<StreamedContent.toolsMax).contains(place) else { continue }
            while choice.tools.count <= place { choice.tools.append(.init()) }
            choice.tools[place].name += part["function"]?["name"]?.text ?? ""
            choice.tools[place].arguments += part["function"]?["arguments"]?.text ?? ""
        }
    }

    /// An event of the Responses API.
    private mutating func takeResponse(_ tree: JSONTree) {
        switch tree["type"]?.text {
        case "response.completed", "response.incomplete":
            isTerminated = true
            whole = tree["response"]
        case "response.failed", "error":
            isTerminated = true
            sawError = true
        case "response.output_text.delta":
            choices[0, default: .init()].text += tree["delta"]?.text ?? ""
        default: break
        }
    }

    /// Calls of tools in one answer; servers of the OpenAI API offer no more tools.
    private static let toolsMax = 128
}
