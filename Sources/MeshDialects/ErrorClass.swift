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
///  400 403           key, account or region    otherTarget
///  400               throttled, overloaded     otherEndpoint
///  401 402 403 404 410 451                     otherTarget   (a credential of ours, its quota)
///  408 421 425                                 sameEndpoint  (on a new connection)
///  409 424 429                                 otherEndpoint (429: see RateLimit for how long)
///  5xx, 529                                    otherEndpoint
///  501 505                                     otherTarget
///  other 4xx                                   never
/// ```
package enum ErrorClass: String, Sendable, Hashable, Codable {
    /// The same endpoint may do better at once: it did not look at the request.
    case sameEndpoint = "same-endpoint"
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
        let bare = Self.bare(status)
        guard Self.dependsOnBody(status), let body, let report = try? ErrorReport(body) else {
            self = bare
            return
        }
        self = Self.named(report, body) ?? bare
    }

    /// Whether the class of an answer with `status` depends on what its body says.
    package static func dependsOnBody(_ status: Int) -> Bool {
        switch status {
        case 400, 401, 402, 403, 404, 413, 422: true
        default: false
        }
    }

    /// The class of an answer of which only `status` is known.
    private static func bare(_ status: Int) -> ErrorClass {
        switch status {
        case 501, 505: .otherTarget
        case 408, 421, 425: .sameEndpoint
        case 409, 424, 429: .otherEndpoint
        case 401...404, 410, 451: .otherTarget
        case 400...499: .never
        default: .otherEndpoint
        }
    }

    /// The class that the report itself names, or nil.
    private static func named(_ report: ErrorReport, _ body: RawSpan) -> ErrorClass? {
        for range in [report.code, report.type, report.kind] {
            guard let range else { continue }
            let word = body.extracting(range.range)
            for (words, kind) in wordsByClass
            where words.contains(where: { word.containsIgnoringCase($0) }) {
                return kind
            }
        }
        guard let range = report.message else { return nil }
        let message = body.extracting(range.range)
        for (phrases, kind) in phrasesByClass
        where phrases.contains(where: { message.containsIgnoringCase($0) }) {
            return kind
        }
        return nil
    }

    /// What servers put into `code`, `type` or what stands for them; the first that fits counts.
    private static let wordsByClass: [([String], ErrorClass)] = [
        (contextWords, .largerContext), (policyWords, .never), (targetWords, .otherTarget),
        (busyWords, .otherEndpoint),
    ]

    /// What they write into `message`, where the code says nothing.
    private static let phrasesByClass: [([String], ErrorClass)] = [
        (contextPhrases, .largerContext), (targetPhrases, .otherTarget),
    ]

    /// A prompt does not fit: OpenAI, llama.cpp, Anthropic, Mistral.
    private static let contextWords = [
        "context_length_exceeded", "exceed_context_size", "string_above_max_length",
        "request_too_large", "context_window_exceeded", "prompt_too_long",
    ]

    /// They do not like what is asked: OpenAI, Azure, Mistral, Bedrock.
    private static let policyWords = [
        "content_filter", "content_policy", "responsibleaipolicy", "invalid_prompt",
        "content_moderation", "moderation_blocked", "guardrail",
    ]

    /// The model, the key, the account or the place is the matter: OpenAI, Anthropic, Azure,
    /// Gemini, Bedrock, Groq.
    private static let targetWords = [
        "model_not_found", "not_found_error", "model_decommissioned", "deploymentnotfound",
        "resourcenotfoundexception", "modelnotsupported", "invalid_api_key",
        "authentication_error", "permission_error", "permission_denied", "unauthenticated",
        "accessdenied", "unrecognizedclient", "expiredtoken", "insufficient_quota", "billing",
        "unsupported_country", "failed_precondition", "servicequotaexceeded",
    ]

    /// They cannot at present: Anthropic, Bedrock, Gemini, TGI.
    private static let busyWords = [
        "overloaded", "throttling", "rate_limit", "resource_exhausted", "unavailable",
        "modelnotready", "modeltimeout", "deadline_exceeded", "internal_server", "internalserver",
    ]

    /// A prompt does not fit: OpenAI, vLLM, SGLang, TGI, llama.cpp, Anthropic, Gemini, Mistral,
    /// Bedrock, Cohere, Ollama.
    private static let contextPhrases = [
        "maximum context length", "context length exceeded", "maximum model length",
        "available context size", "context window", "prompt is too long",
        "input token count", "too large for model", "`inputs` tokens + `max_new_tokens`",
        "reduce the length of the messages", "input is too long for requested model",
        "too many tokens: total number of tokens", "exceeds the context length",
        "longer than the model's context length",
    ]

    /// The model or the key is the matter: Gemini, Bedrock, Cohere, Ollama.
    private static let targetPhrases = [
        "api key not valid", "invalid api token", "model identifier is invalid",
        "is not supported for generatecontent", "not found, try pulling it first",
        "user location is not supported",
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
