// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// What an answer that is no success means for the request: who may do better.
///
/// ```
///  status            body says                 class
///  400 413 422       context too long          largerContext
///  400 403 422       content policy            never
///  400 404           no such model             otherTarget
///  401 402 403                                 otherTarget   (a credential of ours, or its quota)
///  408 409 425 429                             otherEndpoint (429: see RateLimit for how long)
///  5xx, 529                                    otherEndpoint
///  501 505                                     otherTarget
///  other 4xx                                   never
/// ```
package enum ErrorClass: String, Sendable, Hashable, Codable {
    /// Another endpoint may do better, of the same backend or of another one.
    case otherEndpoint = "other-endpoint"
    /// Another backend or model may do better; every endpoint of this one says the same.
    case otherTarget = "other-target"
    /// Only a model with more room takes the request.
    case largerContext = "larger-context"
    /// Every server would say the same: the request is at fault, or what it asks for.
    case never

    /// The class of an answer with `status`; `body` is its JSON text, as far as it is known.
    package init(status: Int, body: RawSpan?) {
        switch status {
        case 500...599:
            self = status == 501 || status == 505 ? .otherTarget : .otherEndpoint
        case 408, 409, 425, 429: self = .otherEndpoint
        case 400...499:
            let fallback: ErrorClass =
                switch status {
                case 401, 402, 403, 404: .otherTarget
                default: .never
                }
            guard let body, let report = try? ErrorReport(body) else {
                self = fallback
                return
            }
            self = Self.named(report, body) ?? fallback
        default: self = .otherEndpoint
        }
    }

    /// Whether the class of an answer with `status` depends on what its body says.
    package static func dependsOnBody(_ status: Int) -> Bool {
        switch status {
        case 400, 401, 402, 403, 404, 413, 422: true
        default: false
        }
    }

    /// The class that the report itself names, or nil.
    private static func named(_ report: ErrorReport, _ body: RawSpan) -> ErrorClass? {
        for range in [report.code, report.type] {
            guard let range else { continue }
            let word = body.extracting(range.range)
            if contextWords.contains(where: { word.containsIgnoringCase($0) }) {
                return .largerContext
            }
            if policyWords.contains(where: { word.containsIgnoringCase($0) }) { return .never }
            if word.equals("model_not_found") || word.equals("not_found_error") {
                return .otherTarget
            }
        }
        guard let range = report.message else { return nil }
        let message = body.extracting(range.range)
        if contextPhrases.contains(where: { message.containsIgnoringCase($0) }) {
            return .largerContext
        }
        return nil
    }

    /// What servers put into `code` or `type` when a prompt does not fit: OpenAI, llama.cpp.
    private static let contextWords = [
        "context_length_exceeded", "exceed_context_size", "string_above_max_length",
        "request_too_large",
    ]

    /// What they put there when they do not like what is asked: OpenAI, Azure, Mistral.
    private static let policyWords = [
        "content_filter", "content_policy", "responsibleaipolicy", "invalid_prompt",
        "content_moderation",
    ]

    /// What they write into `message` when a prompt does not fit: OpenAI, vLLM, SGLang, TGI,
    /// llama.cpp, Anthropic, Gemini, Mistral.
    private static let contextPhrases = [
        "maximum context length", "context length exceeded", "maximum model length",
        "available context size", "context window", "prompt is too long",
        "input token count", "too large for model", "`inputs` tokens + `max_new_tokens`",
        "reduce the length of the messages",
    ]
}

extension RawSpan {
    /// Whether `text`, in lower case ASCII, occurs anywhere in whatever letter case.
    fileprivate func containsIgnoringCase(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        guard wanted.count <= byteCount, let first = wanted.first else { return wanted.isEmpty }
        var at = 0
        while at <= byteCount - wanted.count {
            if ASCII.lowercased(self[at]) == first {
                var i = 1
                while i < wanted.count, ASCII.lowercased(self[at + i]) == wanted[i] { i += 1 }
                if i == wanted.count { return true }
            }
            at += 1
        }
        return false
    }
}
