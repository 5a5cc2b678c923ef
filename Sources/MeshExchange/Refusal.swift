// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshDialects
package import MeshTelemetry
package import MeshWire

/// Why the mesh said no. `code` is stable and documented in `Docs/errors.md`; the rest may change.
package struct Refusal: Error, Sendable, Hashable {
    /// What went wrong.
    package var code: Code
    /// The HTTP status that the caller sees.
    package var status: Int
    /// What happened, with the value and the limit where there is one.
    package var message: String
    /// The parameter of the body that is at fault, or nil.
    package var parameter: String?
    /// When the same request may succeed, where that is known.
    package var retryAfter: Nanoseconds?

    /// A refusal of the given parts; `status` and `message` default to those of the code.
    package init(
        _ code: Code, status: Int? = nil, message: String? = nil, parameter: String? = nil,
        retryAfter: Nanoseconds? = nil
    ) {
        self.code = code
        self.status = status ?? code.status
        self.message = message ?? code.summary
        self.parameter = parameter
        self.retryAfter = retryAfter
    }

    /// The stable names of everything the mesh refuses or fails.
    package enum Code: UInt8, CaseIterable, Sendable, Hashable {
        /// The bytes are not a request that an intermediary may forward.
        case malformedRequest
        /// The head is larger than `limits.headBytes`, or has too many fields.
        case headTooLarge
        /// The body is larger than `limits.bufferedBodyBytes` and had to be read whole.
        case bodyTooLarge
        /// The head or body did not arrive in time.
        case requestTimeout
        /// CONNECT, TRACE or an upgrade.
        case methodNotSupported
        /// A path that two servers could read differently.
        case ambiguousPath
        /// No listener or route takes the request.
        case noRoute
        /// The connection was made for another host.
        case misdirectedRequest
        /// The route has no backend that could be used.
        case noBackend
        /// The body is not a JSON document that every server reads alike.
        case invalidJSON
        /// A key that the mesh acts on stands twice in the body.
        case duplicateKey
        /// The body is compressed, so that no rule could read it.
        case encodedBody
        /// The body names no model.
        case modelMissing
        /// No model of that name is offered here.
        case modelNotFound
        /// No endpoint could be reached.
        case upstreamUnreachable
        /// The endpoint closed the connection before it answered.
        case upstreamReset
        /// The endpoint sent what is not an answer.
        case upstreamMalformed
        /// The endpoint did not begin to answer in time.
        case firstByteTimeout
        /// The exchange took longer than the route allows.
        case upstreamTimeout
        /// The stream stopped before its end.
        case streamTruncated
        /// The stream paused for longer than the route allows.
        case streamStalled
        /// The stream held an event that is not JSON, or one that is too large.
        case streamMalformed
        /// The answer ended before it was whole, and nothing of it was passed on.
        case answerTruncated
        /// The endpoint reported a failure in the place of an answer.
        case upstreamFailed
        /// Every server that could take the request asked for a pause.
        case upstreamRateLimited
        /// The process is stopping.
        case draining
        /// More connections than `limits.connections`.
        case tooManyConnections
        /// A limit of requests is used up.
        case requestLimit
        /// A limit of tokens is used up.
        case tokenLimit
        /// A limit of money is used up.
        case costLimit
        /// The backend has no place for the request now.
        case overloaded
        /// The proxy itself is short of memory, descriptors or connections.
        case proxyOverloaded
        /// A rule does not let the request pass.
        case accessDenied
        /// A policy engine gave no answer.
        case policyEngineUnavailable
        /// A proxy asked without the body that a rule reads.
        case bodyNotSent
        /// The data may not go to any place that is left.
        case residencyDenied
        /// Nobody says who the caller is, and somebody must be known.
        case unauthenticated
        /// The credential that was sent is wrong.
        case invalidCredential
        /// Credentials cannot be checked at present.
        case identityUnavailable

        /// The code as callers, logs and metrics show it.
        package var name: StaticString {
            switch self {
            case .malformedRequest: "malformed-request"
            case .headTooLarge: "head-too-large"
            case .bodyTooLarge: "body-too-large"
            case .requestTimeout: "request-timeout"
            case .methodNotSupported: "method-not-supported"
            case .ambiguousPath: "ambiguous-path"
            case .noRoute: "no-route"
            case .misdirectedRequest: "misdirected-request"
            case .noBackend: "no-backend"
            case .invalidJSON: "invalid-json"
            case .duplicateKey: "duplicate-key"
            case .encodedBody: "encoded-body"
            case .modelMissing: "model-missing"
            case .modelNotFound: "model-not-found"
            case .upstreamUnreachable: "upstream-unreachable"
            case .upstreamReset: "upstream-reset"
            case .upstreamMalformed: "upstream-malformed"
            case .firstByteTimeout: "first-byte-timeout"
            case .upstreamTimeout: "upstream-timeout"
            case .streamTruncated: "stream-truncated"
            case .streamStalled: "stream-stalled"
            case .streamMalformed: "stream-malformed"
            case .answerTruncated: "answer-truncated"
            case .upstreamFailed: "upstream-failed"
            case .upstreamRateLimited: "upstream-rate-limited"
            case .draining: "draining"
            case .tooManyConnections: "too-many-connections"
            case .requestLimit: "request-limit"
            case .tokenLimit: "token-limit"
            case .costLimit: "cost-limit"
            case .overloaded: "overloaded"
            case .proxyOverloaded: "proxy-overloaded"
            case .accessDenied: "access-denied"
            case .policyEngineUnavailable: "policy-engine-unavailable"
            case .bodyNotSent: "body-not-sent"
            case .residencyDenied: "residency-denied"
            case .unauthenticated: "unauthenticated"
            case .invalidCredential: "invalid-credential"
            case .identityUnavailable: "identity-unavailable"
            }
        }

        /// The usual status of the code.
        package var status: Int {
            switch self {
            case .malformedRequest, .ambiguousPath, .invalidJSON, .duplicateKey, .modelMissing:
                400
            case .unauthenticated, .invalidCredential: 401
            case .accessDenied, .residencyDenied, .bodyNotSent: 403
            case .noRoute, .modelNotFound: 404
            case .requestTimeout: 408
            case .bodyTooLarge: 413
            case .encodedBody: 415
            case .misdirectedRequest: 421
            case .requestLimit, .tokenLimit, .costLimit, .upstreamRateLimited: 429
            case .headTooLarge: 431
            case .noBackend: 500
            case .methodNotSupported: 501
            case .upstreamReset, .upstreamMalformed, .streamTruncated, .streamMalformed,
                .answerTruncated, .upstreamFailed:
                502
            case .upstreamUnreachable, .draining, .tooManyConnections, .identityUnavailable,
                .policyEngineUnavailable, .overloaded, .proxyOverloaded:
                503
            case .firstByteTimeout, .upstreamTimeout, .streamStalled: 504
            }
        }

        /// Whose fault it is.
        package var scope: FaultScope {
            switch self {
            case .malformedRequest, .headTooLarge, .bodyTooLarge, .requestTimeout,
                .methodNotSupported, .ambiguousPath, .noRoute, .misdirectedRequest, .invalidJSON,
                .duplicateKey,
                .encodedBody, .modelMissing, .modelNotFound, .unauthenticated,
                .invalidCredential:
                .client
            case .accessDenied, .residencyDenied, .bodyNotSent: .policy
            case .noBackend, .draining, .identityUnavailable, .policyEngineUnavailable,
                .proxyOverloaded:
                .mesh
            case .tooManyConnections, .overloaded, .requestLimit, .tokenLimit, .costLimit: .limit
            case .upstreamUnreachable, .upstreamReset, .upstreamMalformed, .firstByteTimeout,
                .upstreamTimeout, .streamTruncated, .streamStalled, .streamMalformed,
                .answerTruncated, .upstreamFailed, .upstreamRateLimited:
                .upstream
            }
        }

        /// Whether the same request may succeed later.
        package var isRetryable: Bool {
            switch scope {
            case .client, .policy: self == .requestTimeout || self == .misdirectedRequest
            case .limit, .upstream, .mesh: self != .noBackend
            }
        }

        /// What happened and what to do, in general terms.
        package var summary: String {
            switch self {
            case .malformedRequest:
                "the request is not valid HTTP/1.1; send it as RFC 9112 says"
            case .headTooLarge:
                "the request head is too large; send fewer or shorter header fields, or raise "
                    + "spec.limits of the Mesh"
            case .bodyTooLarge:
                "the request body is too large; send a smaller one, or raise "
                    + "spec.limits.bufferedBodyBytes of the Mesh"
            case .requestTimeout: "the request did not arrive in time; send it again"
            case .methodNotSupported:
                "CONNECT, TRACE and protocol upgrades are not served here; use a plain request"
            case .ambiguousPath:
                "the path holds an escaped separator, a NUL or a bad escape; write it plainly"
            case .noRoute:
                "no route matches this host, path, method and header fields; "
                    + "see `pinion get routes`"
            case .misdirectedRequest:
                "this connection was made for another host, whose certificate says nothing of "
                    + "this one; send the request on a connection of its own, with the host as "
                    + "server name"
            case .noBackend:
                "the route has no backend that could take the request; see `pinion get backends`"
            case .invalidJSON: "the request body is not valid JSON"
            case .duplicateKey: "a key stands twice in the request body; send it once"
            case .encodedBody:
                "the request body is compressed, so its model cannot be read; "
                    + "send it without Content-Encoding"
            case .modelMissing: "the request body names no model; set `model`"
            case .modelNotFound: "no such model is offered here; see GET /v1/models"
            case .upstreamUnreachable:
                "no endpoint of the backend could be reached; try again, and see "
                    + "`pinion get endpoints`"
            case .upstreamReset:
                "the endpoint closed the connection before it answered; try again"
            case .upstreamMalformed:
                "the endpoint sent what is not a valid answer to the request; try again, and look "
                    + "at what listens there"
            case .firstByteTimeout:
                "the endpoint did not begin to answer in time; try again, or raise "
                    + "timeouts.firstByte of a TrafficPolicy"
            case .upstreamTimeout:
                "the request took longer than its route allows; try again, or raise "
                    + "timeouts.request"
            case .streamTruncated:
                "the model server ended the stream before it was complete; the text so far is "
                    + "not the whole answer"
            case .streamStalled:
                "the model server paused for longer than timeouts.streamIdle allows; the text "
                    + "so far is not the whole answer"
            case .streamMalformed:
                "the model server sent an event that is not JSON or is larger than "
                    + "limits.eventBytes of the Mesh; the text so far is not the whole answer"
            case .answerTruncated:
                "the endpoint stopped before its answer was complete; try again"
            case .upstreamFailed:
                "the model server reported a failure in the place of an answer; try again"
            case .upstreamRateLimited:
                "every model server that could take the request asked to be left alone for a "
                    + "while, and is; wait as long as Retry-After says, or add a fallback to the "
                    + "Model"
            case .draining: "this proxy is stopping; try again at once"
            case .tooManyConnections: "this proxy has no connection left; try again later"
            case .requestLimit:
                "a LimitPolicy allows no more requests at present; wait as long as Retry-After "
                    + "says, or raise `requests` of the limit that the message names"
            case .tokenLimit:
                "a LimitPolicy allows no more tokens at present; wait as long as Retry-After "
                    + "says, ask for fewer with max_tokens, or raise `tokens` of the limit that "
                    + "the message names"
            case .overloaded:
                "the backend has no place for the request now, by its OverloadPolicy; wait as long "
                    + "as Retry-After says, or see `pinion get overload`"
            case .proxyOverloaded:
                "this proxy is short of memory or descriptors; try again later, or on another one"
            case .accessDenied:
                "an AccessPolicy does not let this request pass; the message names the policy and "
                    + "the rule, and `pinion explain` with the request id shows what each rule "
                    + "said. Change the request, or the rule"
            case .bodyNotSent:
                "a rule reads the body, and the proxy that asked about the request did not send "
                    + "all of it; have Envoy send it with `with_request_body` and a "
                    + "`max_request_bytes` that is large enough, or let no rule of this Gateway "
                    + "read `ai.` facts"
            case .policyEngineUnavailable:
                "a policy engine that must be asked gave no answer, so the request was refused; "
                    + "try again, and see that the PolicyEngine which the message names runs and "
                    + "answers within its `timeout`"
            case .residencyDenied:
                "the data of this request carries a label, and a ResidencyPolicy lets it go to "
                    + "none of the places that are left; the message names them, and `pinion "
                    + "explain` with the request id shows what gave the label. Add a Backend "
                    + "where such data may go, or correct the label"
            case .unauthenticated:
                "the request says not who sends it; send a bearer token or an API key in "
                    + "`authorization`"
            case .invalidCredential:
                "the token or API key is not accepted here; the message says why"
            case .identityUnavailable:
                "credentials cannot be checked at present: the keys of their issuer could not be "
                    + "fetched, or too many new ones come at once; try again, and see "
                    + "`pinion get identity`"
            case .costLimit:
                "a LimitPolicy allows no more to be spent at present; wait as long as Retry-After "
                    + "says, use a cheaper model, or raise `cost` of the limit that the message "
                    + "names"
            }
        }
    }

    /// The refusal as a dialect renders it.
    package var answer: ErrorAnswer {
        ErrorAnswer(
            status: status, code: "\(code.name)", message: message,
            isRetryable: code.isRetryable, scope: "\(code.scope.label)", parameter: parameter)
    }

    /// The refusal of a head or body that breaks HTTP/1.1.
    package init(_ violation: Violation) {
        let code: Code =
            switch violation.status {
            case 431, 414: .headTooLarge
            case 413: .bodyTooLarge
            case 405: .methodNotSupported
            default: .malformedRequest
            }
        self.init(code, status: violation.status, message: "\(violation.message)")
    }

    /// The refusal of a body that is not JSON as every server reads it.
    package init(_ fault: JSONFault) {
        let code: Code =
            switch fault.code {
            case .duplicateKey: .duplicateKey
            case .tooLarge: .bodyTooLarge
            default: .invalidJSON
            }
        self.init(code, message: "\(fault.message) (at byte \(fault.offset) of the body)")
    }
}
