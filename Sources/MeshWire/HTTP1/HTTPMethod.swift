// SPDX-License-Identifier: Apache-2.0

/// The request methods that the mesh tells apart; any other token is `.other`.
package enum HTTPMethod: UInt8, Sendable, Hashable, CaseIterable {
    /// The methods of RFC 9110 section 9.3, and PATCH of RFC 5789.
    case get, head, post, put, delete, patch, options, connect, trace
    /// Any other token.
    case other

    /// The method as it is written; empty for `.other`.
    package var text: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        case .other: ""
        }
    }
}

/// How the end of a body is known.
/// **Source**: RFC 9112 section 6.3.
package enum BodyFraming: Hashable, Sendable {
    /// There is no body.
    case none
    /// Exactly so many bytes, at most `Int64.max`.
    case length(UInt64)
    /// Chunks up to the chunk of size zero and its trailer section.
    case chunked
    /// Everything until the connection closes; responses only.
    case untilClose
}
