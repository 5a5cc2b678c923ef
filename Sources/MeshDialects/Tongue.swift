// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The API that a caller speaks, as far as it matters for how errors are told.
///
/// The mesh reads only the OpenAI API; requests of the others pass by routes. A client library of
/// such an API understands no other error than its own, so that is what it gets from the mesh too.
package enum Tongue: UInt8, CaseIterable, Sendable, Hashable {
    /// None that the mesh knows: errors are `application/problem+json`.
    case plain
    /// OpenAI, and all who serve the same API.
    case openAI
    /// Anthropic: `/v1/messages`.
    case anthropic
    /// Google Gemini and Vertex AI: `/models/NAME:generateContent`.
    case gemini
    /// Cohere: `/v2/chat`, `/v2/embed`.
    case cohere
    /// Amazon Bedrock: `/model/NAME/converse`, `/model/NAME/invoke`.
    case bedrock

    /// The tongue in which `path` of a request is written, other than OpenAI's; nil when that is
    /// not known.
    ///
    /// **Shape** `path` is canonical, without a query. **Complexity** O(last two segments).
    package init?(path: RawSpan) {
        var slash = path.byteCount
        while slash > 0, path[slash - 1] != UInt8(ascii: "/") { slash -= 1 }
        let last = path.extracting(slash..<path.byteCount)
        let front = path.extracting(0..<max(0, slash - 1))
        switch last.byteCount {
        case 8 where last.equals("messages") && front.ends(with: "/v1"): self = .anthropic
        case 12 where last.equals("count_tokens") && front.ends(with: "/v1/messages"):
            self = .anthropic
        case 7 where last.equals("batches") && front.ends(with: "/v1/messages"): self = .anthropic
        case 4 where last.equals("chat") && (front.ends(with: "/v1") || front.ends(with: "/v2")):
            self = .cohere
        case 5 where last.equals("embed") && (front.ends(with: "/v1") || front.ends(with: "/v2")):
            self = .cohere
        case 8 where last.equals("converse"), 15 where last.equals("converse-stream"),
            6 where last.equals("invoke"), 27 where last.equals("invoke-with-response-stream"):
            guard front.holds("/model/") else { return nil }
            self = .bedrock
        default:
            guard let colon = last.firstIndex(of: UInt8(ascii: ":")), front.ends(with: "/models")
            else { return nil }
            let method = last.extracting(colon + 1..<last.byteCount)
            guard
                method.equals("generateContent") || method.equals("streamGenerateContent")
                    || method.equals("countTokens") || method.equals("embedContent")
                    || method.equals("batchEmbedContents") || method.equals("rawPredict")
                    || method.equals("streamRawPredict") || method.equals("predict")
            else { return nil }
            self = .gemini
        }
    }
}

extension RawSpan {
    fileprivate func ends(with text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        return byteCount >= count && extracting(byteCount - count..<byteCount).equals(text)
    }

    fileprivate func holds(_ text: StaticString) -> Bool {
        var at = 0
        while at + text.utf8CodeUnitCount <= byteCount {
            if extracting(at..<byteCount).hasPrefix(text) { return true }
            at += 1
        }
        return false
    }
}
