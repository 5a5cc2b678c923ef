// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshEngines
package import MeshRouting
package import MeshSnapshot
package import MeshTelemetry

/// What the driver does next, as independent parts performed in the order they stand here.
package struct Step: Sendable {
    /// Leave the present upstream attempt: close its connection unless its answer was read whole.
    package var abandonsUpstream = false
    /// Collect the whole request body, then call `bodyCollected`.
    package var collectsBody = false
    /// Ask a policy engine, then call `engineAnswered`; when `deadline` passes first, with
    /// `.failed(.timeout)`.
    package var asks: EngineOrder?
    /// Send the request to this endpoint, or nil.
    package var dispatch: Pick?
    /// Use a new connection for the dispatch, not one that has waited in a pool.
    package var needsFreshConnection = false
    /// Wait this long before the dispatch.
    package var delay: Nanoseconds = .zero
    /// Backends that get a copy of the request whose answer nobody waits for.
    package var mirrors: [MirrorOrder] = []
    /// Write `shard.output` to the caller as it is: a whole answer, or the head of one.
    package var writes = false
    /// Write `shard.output` to the caller as one more piece of the answer's body.
    package var writesBody = false
    /// Read the body of the present answer and hand it in, behind what was written.
    package var relaysBody = false
    /// Write whatever ends the answer's body.
    package var endsAnswer = false
    /// Write `shard.output`, complete lines, as fields behind the answer's body, and end it.
    package var writesTrailers = false
    /// Close the caller's connection once everything is written; the answer is cut short when
    /// it had begun and `isDone` finds it unfinished.
    package var closesClient = false
    /// The exchange has ended and its record is final.
    package var isDone = false
    /// Have the keys of this IdentityProvider of the exchange's snapshot fetched, then call
    /// `keysSettled`, also when they could not be.
    package var awaitsKeys: IdentityID?

    /// A step that does nothing.
    package init() {}
}

/// A policy engine that is to be asked, and where.
///
/// An object, because it is in every step and in most of them nil.
package final class EngineOrder: Sendable {
    /// What is asked.
    package let question: EngineQuestion
    /// The endpoint that the question is for, and no other: it may have what the request carries.
    package let pick: Pick

    /// `question` for the endpoint `pick`.
    init(_ question: EngineQuestion, for pick: Pick) {
        self.question = question
        self.pick = pick
    }
}

/// A copy of the request that is sent without waiting for an answer.
package struct MirrorOrder: Sendable, Hashable {
    /// The backend that gets it.
    package var backend: BackendID
    /// The endpoint that it is for.
    package var pick: Pick
    /// What `model` becomes in the copied body; nil keeps the caller's.
    package var upstreamModel: [UInt8]?
    /// Whether the copy asks for usage in a stream although the caller did not.
    package var asksForUsage = false
    /// What the copy is counted as.
    package var series: MirrorSeriesID
    /// Under which number the answer is compared; nil when it is thrown away.
    package var ticket: MirrorTicketID?
    /// Bytes of the answer that are kept.
    package var answerBytesMax = 0
    /// How long the whole answer may take.
    package var timeout = Nanoseconds.seconds(30)
    /// When it was ordered.
    package var ordered: Instant

    /// A copy for the endpoint `pick` of `backend`, ordered now.
    package init(
        backend: BackendID, pick: Pick, upstreamModel: [UInt8]? = nil, series: MirrorSeriesID,
        at now: Instant
    ) {
        self.backend = backend
        self.pick = pick
        self.upstreamModel = upstreamModel
        self.series = series
        ordered = now
    }
}

/// Why one attempt at an upstream ended before an answer's head was read.
package enum AttemptFailure: Sendable, Hashable {
    /// No connection could be made.
    case connect
    /// No connection could be made in time.
    case connectTimeout
    /// The connection ended; `wasReused` when it had served a request before, in which case the
    /// endpoint may merely have closed it for idleness.
    case reset(wasReused: Bool)
    /// What came is not an answer.
    case malformed

    /// The failure as recordings spell it.
    var label: String {
        switch self {
        case .connect: "connect"
        case .connectTimeout: "connect-timeout"
        case .reset(wasReused: false): "reset"
        case .reset(wasReused: true): "reset-of-reused"
        case .malformed: "malformed"
        }
    }

    /// The failure that recordings spell `label`, or nil.
    init?(label: String) {
        switch label {
        case "connect": self = .connect
        case "connect-timeout": self = .connectTimeout
        case "reset": self = .reset(wasReused: false)
        case "reset-of-reused": self = .reset(wasReused: true)
        case "malformed": self = .malformed
        default: return nil
        }
    }
}

/// How the end of an answer's body is marked for the caller.
package enum AnswerFraming: UInt8, Sendable, Hashable {
    /// There is no body.
    case none
    /// As the upstream marked it: the framing bytes of the upstream may pass.
    case asReceived
    /// Chunks that the driver makes around the payload.
    case chunked
    /// The connection's end.
    case untilClose
}

/// What to forward of a piece of an answer's body.
package enum BodyVerdict: Sendable, Hashable {
    /// The bytes just given, as they are.
    case unchanged
    /// The bytes in `shard.output` instead, perhaps none.
    case replaced
    /// The bytes in `shard.output` instead, perhaps none, and then nothing more: call
    /// `answerBroke`.
    case broken
}
