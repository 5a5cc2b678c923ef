// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What an AI request asks for, whatever tongue it is written in.
package enum Operation: UInt8, Sendable, Hashable {
    /// Not an AI operation that the mesh knows.
    case none
    /// A conversation turn: `/v1/chat/completions`.
    case chat
    /// Raw text in, text out: `/v1/completions`.
    case textCompletion
    /// The OpenAI Responses API: `/v1/responses`.
    case responses
    /// Vectors for texts: `/v1/embeddings`.
    case embeddings
    /// Order documents by relevance: `/v1/rerank` and its variants.
    case rerank
    /// Text to token numbers or back.
    case tokenize
    /// The list of models.
    case models

    /// The operation's `gen_ai.operation.name`; empty for `none`.
    ///
    /// **Source** OpenTelemetry semantic conventions for generative AI. `rerank`, `tokenize` and
    /// `models` have no well-known value there and stand under their own names.
    package var telemetryName: String {
        switch self {
        case .none: ""
        case .chat, .responses: "chat"
        case .textCompletion: "text_completion"
        case .embeddings: "embeddings"
        case .rerank: "rerank"
        case .tokenize: "tokenize"
        case .models: "models"
        }
    }

    /// Whether answers carry a `usage` object that is worth looking for.
    package var hasUsage: Bool {
        switch self {
        case .chat, .textCompletion, .responses, .embeddings, .rerank: true
        case .none, .tokenize, .models: false
        }
    }

    /// Whether an answer can be asked for as a stream of events.
    package var streams: Bool {
        switch self {
        case .chat, .textCompletion, .responses: true
        case .none, .embeddings, .rerank, .tokenize, .models: false
        }
    }

    /// Whether a stream of this operation reports usage only when the request says
    /// `stream_options.include_usage`.
    package var asksForStreamUsage: Bool { self == .chat || self == .textCompletion }

    /// The operation that a path names in the OpenAI API, looked at from its end so that a
    /// prefix in front of `/v1` does not matter.
    ///
    /// **Shape** `path` is canonical, without a query.
    package static func openAI(path: RawSpan) -> Operation {
        guard let slash = lastSlash(path) else { return .none }
        let last = path.extracting((slash + 1)..<path.byteCount)
        switch last.byteCount {
        case 6:
            if last.equals("rerank") { return .rerank }
            if last.equals("models") { return .models }
        case 8 where last.equals("tokenize"): return .tokenize
        case 9 where last.equals("responses"): return .responses
        case 10:
            if last.equals("embeddings") { return .embeddings }
            if last.equals("detokenize") { return .tokenize }
        case 11 where last.equals("completions"):
            let before = path.extracting(0..<slash)
            return before.byteCount >= 5
                && before.extracting((before.byteCount - 5)..<before.byteCount).equals("/chat")
                ? .chat : .textCompletion
        default: break
        }
        return .none
    }

    private static func lastSlash(_ path: RawSpan) -> Int? {
        var i = path.byteCount - 1
        while i >= 0 {
            if path[i] == UInt8(ascii: "/") { return i }
            i -= 1
        }
        return nil
    }
}
