// SPDX-License-Identifier: Apache-2.0

/// How one attempt at an upstream ended.
package enum AttemptResult: UInt8, CaseIterable, Sendable {
    /// An answer below 500 came whole.
    case success
    /// An answer of 500 or above.
    case serverError
    /// No connection: refused, unreachable, or the connect deadline passed.
    case connectFailure
    /// The TLS handshake failed or the peer was not who it must be.
    case tlsFailure
    /// A deadline passed after the connection stood.
    case timeout
    /// The upstream closed or reset before its answer was complete.
    case reset
    /// The upstream broke the protocol.
    case protocolError
    /// The caller went away first.
    case cancelled

    /// The label value.
    package var label: StaticString {
        switch self {
        case .success: "success"
        case .serverError: "server_error"
        case .connectFailure: "connect_failure"
        case .tlsFailure: "tls_failure"
        case .timeout: "timeout"
        case .reset: "reset"
        case .protocolError: "protocol_error"
        case .cancelled: "cancelled"
        }
    }
}

/// Why a request was sent once more.
package enum RetryReason: UInt8, CaseIterable, Sendable {
    /// No connection could be made.
    case connectFailure
    /// The connection ended before the answer began.
    case reset
    /// The attempt's own deadline passed.
    case timeout
    /// The answer had a status that the policy retries.
    case status
    /// The model was busy and a fallback took over.
    case fallback
    /// A second attempt was raced against a slow first one.
    case hedge
    /// What came was no answer: not HTTP, not JSON, or a report of a failure.
    case invalidAnswer
    /// An answer broke off and another endpoint went on with it.
    case resume

    /// The label value.
    package var label: StaticString {
        switch self {
        case .connectFailure: "connect_failure"
        case .reset: "reset"
        case .timeout: "timeout"
        case .status: "status"
        case .fallback: "fallback"
        case .hedge: "hedge"
        case .invalidAnswer: "invalid_answer"
        case .resume: "resume"
        }
    }
}

/// Why an endpoint was taken out of the choice.
package enum EjectionReason: UInt8, CaseIterable, Sendable {
    /// Too many errors in a row.
    case consecutiveErrors
    /// Too large a share of errors.
    case errorRate
    /// Far slower than its peers.
    case latency
    /// The active health check failed.
    case healthCheck
    /// The one request failed that was to find out whether it works again.
    case trial

    /// The label value.
    package var label: StaticString {
        switch self {
        case .consecutiveErrors: "consecutive_errors"
        case .errorRate: "error_rate"
        case .latency: "latency"
        case .healthCheck: "health_check"
        case .trial: "trial"
        }
    }
}

/// What a shard thinks of an endpoint.
package enum EndpointState: UInt8, CaseIterable, Sendable {
    /// May be chosen.
    case healthy
    /// Failed its health check.
    case unhealthy
    /// Taken out for a while because of its errors.
    case ejected
    /// Left alone because it asked for a pause.
    case cooling

    /// The label value.
    package var label: StaticString {
        switch self {
        case .healthy: "healthy"
        case .unhealthy: "unhealthy"
        case .ejected: "ejected"
        case .cooling: "cooling"
        }
    }
}

/// Why a server got a pause.
package enum CoolDownReason: UInt8, CaseIterable, Sendable {
    /// It refused a request for now (429).
    case refused
    /// It was overloaded or not ready, and said for how long (503, 529).
    case overloaded
    /// It said with an answer that nothing is left.
    case usedUp
    /// What it takes for a credential of the mesh is not paid for (402).
    case unpaid

    /// The label value.
    package var label: StaticString {
        switch self {
        case .refused: "refused"
        case .overloaded: "overloaded"
        case .usedUp: "used_up"
        case .unpaid: "unpaid"
        }
    }
}

/// Why a target of a model was not asked.
package enum PassingOver: UInt8, CaseIterable, Sendable {
    /// It cools down.
    case cooling
    /// Its circuit is open.
    case broken
    /// Another request finds out whether it works again.
    case trial

    /// The label value.
    package var label: StaticString {
        switch self {
        case .cooling: "cooling"
        case .broken: "broken"
        case .trial: "trial"
        }
    }
}

/// What one limit counted; an amount is in the limit's own unit.
package enum LimitCount: UInt8, CaseIterable, Sendable {
    /// Requests let in.
    case admitted
    /// Requests refused.
    case refused
    /// Requests that an audit would have refused.
    case audited
    /// Tokens taken before an answer.
    case reserved
    /// Tokens used in the end.
    case settled
    /// Keys forgotten before they were full again.
    case evicted

    /// The label value.
    package var label: StaticString {
        switch self {
        case .admitted: "admitted"
        case .refused: "refused"
        case .audited: "audited"
        case .reserved: "reserved"
        case .settled: "settled"
        case .evicted: "evicted"
        }
    }
}

/// What a rule of an AccessPolicy led to.
package enum AccessDecision: UInt8, CaseIterable, Sendable {
    /// The request passed the policy by it.
    case allowed
    /// The request was refused by it.
    case denied
    /// An audit would have refused the request by it.
    case audited
    /// It could not be evaluated.
    case failed

    /// The label value.
    package var label: StaticString {
        switch self {
        case .allowed: "allowed"
        case .denied: "denied"
        case .audited: "audited"
        case .failed: "failed"
        }
    }
}

/// What an IdentityProvider found a caller to be.
package enum IdentityResult: UInt8, CaseIterable, Sendable {
    /// Somebody it knows.
    case known
    /// Nobody: no credential was sent, and none is needed.
    case nobody
    /// Nobody, although somebody must be known.
    case missing
    /// The bearer of a credential that is wrong.
    case refused
    /// It could not tell: it has no keys, or too much to check.
    case unavailable

    /// The label value.
    package var label: StaticString {
        switch self {
        case .known: "known"
        case .nobody: "nobody"
        case .missing: "missing"
        case .refused: "refused"
        case .unavailable: "unavailable"
        }
    }
}

/// What became of a TLS handshake with a caller.
package enum HandshakeResult: UInt8, CaseIterable, Sendable {
    /// Both sides agreed.
    case completed
    /// The caller did not speak TLS.
    case notTLS
    /// What it said breaks TLS, or is too large.
    case malformed
    /// It named a host that no listener is for, or none.
    case unknownName
    /// It offered no protocol that is spoken within.
    case noProtocol
    /// It speaks no version or cipher that is allowed.
    case version
    /// It showed no certificate, or one that does not hold.
    case certificate
    /// It did not take our certificate.
    case distrusted
    /// It took too long.
    case timeout
    /// The caller closed in the middle of it.
    case closed

    /// The label value.
    package var label: StaticString {
        switch self {
        case .completed: "completed"
        case .notTLS: "not_tls"
        case .malformed: "malformed"
        case .unknownName: "unknown_name"
        case .noProtocol: "no_protocol"
        case .version: "version"
        case .certificate: "certificate"
        case .distrusted: "distrusted"
        case .timeout: "timeout"
        case .closed: "closed"
        }
    }
}

/// What a token was.
package enum TokenType: UInt8, CaseIterable, Sendable {
    /// Read by the model.
    case input
    /// Written by the model.
    case output
    /// Part of the input that a prefix cache answered for.
    case cachedInput
    /// Part of the output that was thinking, not answer.
    case reasoning

    /// The label value.
    package var label: StaticString {
        switch self {
        case .input: "input"
        case .output: "output"
        case .cachedInput: "cached_input"
        case .reasoning: "reasoning"
        }
    }
}
