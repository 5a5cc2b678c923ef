// SPDX-License-Identifier: Apache-2.0

import MeshSimulator

/// What stays the same in every part of one response.
struct ResponseFrame {
    /// The name of the response, `chatcmpl-…`, `cmpl-…` or `resp_…`.
    var id: String
    /// Seconds since 1970.
    var created: Int
    /// The model as the client named it.
    var model: String
    /// The name of the configuration behind the model.
    var fingerprint: String
    /// Tokens of all prompts.
    var promptTokens: Int
    /// Whether a stream ends with usage.
    var includesUsage: Bool
    /// The number that names of items inside the response end with.
    var suffix: String
}

/// What a response says next, given how much of its answers time has revealed.
///
/// `nextEvent` is called until it has nothing to say, and again when more is revealed.
enum StreamScript {
    case chat(ChatScript)
    case completion(CompletionScript)
    case responses(ResponsesScript)

    /// What comes next on a stream.
    enum Next {
        /// One event, complete with its blank line.
        case event([UInt8])
        /// Nothing until more is revealed.
        case wait
        /// Nothing any more.
        case end
    }

    /// The script of a surface for that many answers.
    init(_ surface: GenerationRequest.Surface, frame: ResponseFrame, answers: Int) {
        switch surface {
        case .chat: self = .chat(ChatScript(frame: frame, answers: answers))
        case .completion: self = .completion(CompletionScript(frame: frame, answers: answers))
        case .responses: self = .responses(ResponsesScript(frame: frame))
        }
    }

    /// The next event of the stream.
    mutating func nextEvent(_ answers: [Answer]) -> Next {
        switch self {
        case .chat(var script):
            let next = script.nextEvent(answers)
            self = .chat(script)
            return next
        case .completion(var script):
            let next = script.nextEvent(answers)
            self = .completion(script)
            return next
        case .responses(var script):
            let next = script.nextEvent(answers)
            self = .responses(script)
            return next
        }
    }

    /// The response in one piece, when all answers have ended.
    func whole(_ answers: [Answer]) -> JSON {
        switch self {
        case .chat(let script): script.whole(answers)
        case .completion(let script): script.whole(answers)
        case .responses(let script): script.response(answers, status: nil)
        }
    }
}

/// Totals over the answers of a response.
struct UsageTotals {
    var prompt = 0
    var cached = 0
    var output = 0

    /// The cost of `answers` to prompts of `promptTokens` tokens in all; what the cache held of
    /// a prompt is counted once, however many answers it has.
    init(_ answers: [Answer], promptTokens: Int) {
        prompt = promptTokens
        var seen = -1
        for answer in answers {
            output += answer.usage?.outputTokens ?? answer.revealed
            guard answer.prompt != seen else { continue }
            seen = answer.prompt
            cached += answer.usage?.cachedTokens ?? 0
        }
    }

    /// The `usage` object of chat and completions.
    var json: JSON {
        [
            "prompt_tokens": .integer(prompt), "completion_tokens": .integer(output),
            "total_tokens": .integer(prompt + output),
            "prompt_tokens_details": ["cached_tokens": .integer(cached)],
        ]
    }
}

/// Event stream framing.
enum EventStream {
    /// The event that ends a stream of chat or completions.
    static let done = Array("data: [DONE]\n\n".utf8)

    /// One event of `data`, with a name when the surface names its events.
    static func event(_ data: JSON, name: String? = nil) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(320)
        if let name { out.append(contentsOf: "event: \(name)\n".utf8) }
        out.append(contentsOf: "data: ".utf8)
        data.write(to: &out)
        out.append(contentsOf: "\n\n".utf8)
        return out
    }
}
