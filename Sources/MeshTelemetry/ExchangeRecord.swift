// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What happened in one exchange: the one record from which the access line, the metrics and
/// the span are made.
///
/// Names are strings that the configuration snapshot already holds, so keeping them costs a
/// reference count and no copy. What the caller wrote (method, host, path) is not kept here: it
/// is handed in as bytes when the line is written. There is no place in it for a header, a body
/// or a credential.
package struct ExchangeRecord: Sendable {
    /// The mesh's own id of the exchange.
    package var requestID: RequestID
    /// The trace that it belongs to and the span that it is.
    package var trace: TraceContext
    /// When its first byte was read.
    package var started: Instant
    /// The same moment on the calendar.
    package var startedAt: WallTime
    /// From the first byte read to the last byte written.
    package var total: Nanoseconds = .zero
    /// What making the upstream connection cost, when one had to be made.
    package var connect: Nanoseconds?
    /// How long policy engines were waited for, when any were asked.
    package var policyEngines: Nanoseconds?
    /// From the start to the first byte of the answer.
    package var firstByte: Nanoseconds?
    /// From the start to the first token of the answer.
    package var firstToken: Nanoseconds?
    /// Bytes of the request, head and body.
    package var bytesIn: UInt64 = 0
    /// Bytes of the answer, head and body.
    package var bytesOut: UInt64 = 0
    /// The configuration that decided.
    package var snapshot: UInt64 = 0
    /// What the model counted.
    package var tokens = TokenCounts()
    /// What those tokens cost, or nil when nobody said how many there were or what they cost.
    package var cost: Cost?
    /// `policy/limit`: what refused it, or would have, were it not an audit.
    package var limit: String?
    /// `policy/rule`: what refused it, or would have, were it not an audit.
    package var accessRule: String?
    /// Whom an IdentityProvider knows the caller by, or nil when none was asked or it is nobody.
    package var caller: CallerName?
    /// Where labelled data went, or nil when the request carried no label.
    package var residency: ResidencyReceipt?
    /// The route taken.
    package var route: String?
    /// The backend chosen last.
    package var backend: String?
    /// The endpoint chosen last, `address:port`.
    package var endpoint: String?
    /// The model that the caller named.
    package var model: String?
    /// The model that was asked for upstream.
    package var upstreamModel: String?
    /// What was asked for, in the words of the GenAI conventions: `chat`, `embeddings`.
    package var operation: StaticString?
    /// The stable code when the mesh refused or failed.
    package var refusal: StaticString?
    /// Whose fault that was.
    package var fault: FaultScope?
    /// The status that the caller saw; 0 when none was sent.
    package var status: UInt16 = 0
    /// The outcome of a gRPC call, as the caller saw it; nil for anything else.
    package var grpcStatus: UInt8?
    /// How long it waited at turnstiles of backends; nil when it did not.
    package var queued: Nanoseconds?
    /// Attempts at upstreams, the first included.
    package var attempts: UInt16 = 0
    /// What became of a second attempt beside a slow one, or nil when there was none.
    package var hedge: HedgeOutcome?
    /// Tokens of its prompt, by a rough count, that a server was told in vain.
    package var tokensLeft: UInt32 = 0
    /// What else was true.
    package var flags: ExchangeFlags = []

    /// A record that has only begun.
    package init(
        requestID: RequestID, trace: TraceContext, started: Instant, startedAt: WallTime
    ) {
        self.requestID = requestID
        self.trace = trace
        self.started = started
        self.startedAt = startedAt
    }
}

/// Whom a provider knows a caller by, and the workload that its certificate names. An object, so
/// that a record of nobody is one word longer.
package final class CallerName: Sendable {
    /// The provider, `namespace/name`, or nil when none knows the caller.
    package let provider: String?
    /// Its name for the caller, or nil when it has none.
    package let subject: String?
    /// The SPIFFE ID of the caller's certificate, or nil.
    package let workload: String?

    /// The name that `provider` has for a caller that connected as `workload`.
    package init(provider: String?, subject: String?, workload: String? = nil) {
        self.provider = provider
        self.subject = subject
        self.workload = workload
    }
}

/// Who is to blame for a refusal.
package enum FaultScope: UInt8, CaseIterable, Sendable {
    /// The caller's message.
    case client
    /// A rule said no.
    case policy
    /// A limit is used up.
    case limit
    /// The model server or provider.
    case upstream
    /// Ourselves.
    case mesh

    /// The word in access lines.
    package var label: StaticString {
        switch self {
        case .client: "client"
        case .policy: "policy"
        case .limit: "limit"
        case .upstream: "upstream"
        case .mesh: "mesh"
        }
    }
}

/// Yes-or-no facts of an exchange.
package struct ExchangeFlags: OptionSet, Hashable, Sendable {
    /// The facts as bits.
    package var rawValue: UInt16

    /// The facts of `rawValue`.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The answer is a stream of events.
    package static let stream = ExchangeFlags(rawValue: 1)
    /// The caller went away before the end.
    package static let clientAborted = ExchangeFlags(rawValue: 2)
    /// The upstream's stream ended without its terminal event.
    package static let truncated = ExchangeFlags(rawValue: 4)
    /// The upstream did not say how many tokens it used.
    package static let usageMissing = ExchangeFlags(rawValue: 8)
    /// Sent more than once.
    package static let retried = ExchangeFlags(rawValue: 16)
    /// Answered by another model or provider than the first choice.
    package static let fallback = ExchangeFlags(rawValue: 32)
    /// A limit that only counts would have refused it.
    package static let limitAudited = ExchangeFlags(rawValue: 64)
    /// An AccessPolicy that only counts would have refused it.
    package static let accessAudited = ExchangeFlags(rawValue: 128)
    /// The answer broke off and another endpoint went on with it.
    package static let resumed = ExchangeFlags(rawValue: 256)
    /// A second attempt was raced against a slow first one.
    package static let hedged = ExchangeFlags(rawValue: 512)
    /// A policy engine gave no answer, and its failure mode let the request pass.
    package static let accessUnchecked = ExchangeFlags(rawValue: 1_024)
}

/// A sum of money.
package struct Cost: Hashable, Sendable {
    /// Trillionths of a unit of the currency.
    package var trillionths: UInt64
    /// The currency.
    package var currency: Currency

    /// So many trillionths of a unit of `currency`.
    package init(trillionths: UInt64, currency: Currency) {
        self.trillionths = trillionths
        self.currency = currency
    }
}

/// Tokens as the upstream counted them; nil is "not said", which is not zero.
package struct TokenCounts: Hashable, Sendable {
    /// Read by the model, cached ones included.
    package var input: UInt64?
    /// Written by the model, reasoning included.
    package var output: UInt64?
    /// The part of the input that a cache answered for.
    package var cachedInput: UInt64?
    /// The part of the output that was reasoning.
    package var reasoningOutput: UInt64?

    /// Counts; those not given were not said.
    package init(
        input: UInt64? = nil, output: UInt64? = nil, cachedInput: UInt64? = nil,
        reasoningOutput: UInt64? = nil
    ) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
        self.reasoningOutput = reasoningOutput
    }
}
