// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The field names that the mesh acts on; every other name is `.other` and stays bytes.
///
/// Recognised without case by length and word compare (`FieldName+Recognise.swift`). At most 64
/// cases, so that a `FieldSet` is one word.
package enum FieldName: UInt8, Sendable, Hashable, CaseIterable {
    /// A name the mesh does not act on.
    case other
    /// The parser looks into these four, and tells them by being first.
    case host, contentLength, transferEncoding, connection
    /// The rest of the fields that end at each hop.
    case keepAlive, proxyConnection, proxyAuthenticate, proxyAuthorization
    case te, trailer, upgrade, expect, http2Settings
    /// Identity and credentials.
    case authorization, cookie, setCookie, xAPIKey, apiKey, wwwAuthenticate
    case forwarded, via, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort
    case xForwardedClientCert, xRealIP, origin
    /// Correlation of requests, and of what belongs to one of them.
    case traceparent, tracestate, baggage, xRequestID, idempotencyKey
    /// Content and negotiation.
    case contentType, contentEncoding, accept, acceptEncoding, acceptLanguage, cacheControl
    case date, server, userAgent, location, retryAfter, etag, vary, priority
    /// Protocols carried over HTTP.
    case grpcStatus, grpcTimeout, lastEventID, mcpSessionID, mcpProtocolVersion
    case anthropicVersion

    /// The name in lower case; empty for `.other`.
    package var text: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .connection: "connection"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .te: "te"
        case .trailer: "trailer"
        case .upgrade: "upgrade"
        case .expect: "expect"
        case .http2Settings: "http2-settings"
        case .authorization: "authorization"
        case .cookie: "cookie"
        case .setCookie: "set-cookie"
        case .xAPIKey: "x-api-key"
        case .apiKey: "api-key"
        case .wwwAuthenticate: "www-authenticate"
        case .forwarded: "forwarded"
        case .via: "via"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedProto: "x-forwarded-proto"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedClientCert: "x-forwarded-client-cert"
        case .xRealIP: "x-real-ip"
        case .origin: "origin"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .baggage: "baggage"
        case .xRequestID: "x-request-id"
        case .idempotencyKey: "idempotency-key"
        case .contentType: "content-type"
        case .contentEncoding: "content-encoding"
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .acceptLanguage: "accept-language"
        case .cacheControl: "cache-control"
        case .date: "date"
        case .server: "server"
        case .userAgent: "user-agent"
        case .location: "location"
        case .retryAfter: "retry-after"
        case .etag: "etag"
        case .vary: "vary"
        case .priority: "priority"
        case .grpcStatus: "grpc-status"
        case .grpcTimeout: "grpc-timeout"
        case .lastEventID: "last-event-id"
        case .mcpSessionID: "mcp-session-id"
        case .mcpProtocolVersion: "mcp-protocol-version"
        case .anthropicVersion: "anthropic-version"
        }
    }

    /// Whether the parser itself looks into values of this name.
    @inline(__always)
    var decidesFraming: Bool { rawValue &- 1 < 4 }
}
