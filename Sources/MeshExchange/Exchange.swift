// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
import MeshLimits
package import MeshRouting
package import MeshSnapshot
package import MeshTelemetry
import MeshWire

/// One request and its answer: what happens next, decided without a socket, a clock or chance of
/// its own.
///
/// The driver (sockets here, an imagined network in the simulator) tells the exchange what
/// happened and performs the `Step` it gets back. The stages stand in files of their own, in the
/// order in which a request meets them:
///
/// ```
///  begin ─> Identify ─> Classify ─> Route ─> Admit ─> Translate ─> Forward ─> StreamBack ─┐
///              │            │         │        │                      │                  Account
///              │            └──Authorize, Ask──┤                      │                     │
///              └───────────────────────────────┴──── Refusal ─────────┘                     │
///                                                                          done: one record <─┘
/// ```
///
/// Bytes come in as spans over the driver's buffers and leave as ranges of what was just given
/// (pass-through) or in `shard.output`. The driver keeps the bytes of the request head, and of a
/// collected body, for as long as the exchange lasts, and hands them in again where a call takes
/// them.
///
/// Invariant: `Step.isDone` is given exactly once; every endpoint that was begun is ended; an
/// answer whose end was not seen is never shown as whole.
package struct Exchange: ~Copyable {
    /// Where the exchange stands.
    package enum Phase: UInt8, Sendable {
        /// Nothing has begun. Can become: identifying, asking, collecting, dispatched, done.
        case idle
        /// The body is being collected for a decision. Can become: identifying, asking, dispatched,
        /// done.
        case collecting
        /// A connection to the endpoint is being got. Can become: sent, dispatched, done.
        case dispatched
        /// The request goes out or is out, no answer yet. Can become: holding, relaying,
        /// dispatched, done.
        case sent
        /// The answer's head was read and is kept back until there is more to trust: the first
        /// event of a stream, the whole of a document. Can become: relaying, dispatched, done.
        case holding
        /// The answer's head was passed on. Can become: dispatched (when the answer broke off and
        /// another endpoint goes on with it), done.
        case relaying
        /// The record is final. Can become: idle (the next request of the connection).
        case done
        /// Keys are fetched that may say who the caller is. Can become: asking, collecting,
        /// dispatched, done.
        case identifying
        /// A policy engine is asked. Can become: collecting, dispatched, done.
        case asking
        /// It waits for a place at the backend. Can become: dispatched, done.
        case queued
    }

    /// How the body of the present answer is looked at.
    enum Reading {
        case nothing
        case document(AnswerMeter)
        case stream(RelayBox)
        /// In a replay: what a former reading found.
        case recorded(AnswerSummary)
    }

    /// A relay where it can be changed in place: it is asked for every event.
    final class RelayBox {
        var relay: StreamRelay

        init(_ relay: consuming StreamRelay) { self.relay = relay }
    }

    /// Where the exchange stands.
    package internal(set) var phase: Phase = .idle
    /// The configuration it began with.
    package internal(set) var snapshot: Snapshot
    /// The one record, complete once `phase` is `done`.
    package internal(set) var record: ExchangeRecord
    /// When `timerFired` must be called at the latest.
    package internal(set) var deadline = Instant.distantFuture
    /// Whether the driver still has every byte of the request, so that it may be sent again.
    package var canReplay = true
    /// Whether the caller's connection may serve another request after this one.
    package var keepsAlive = true
    /// Whether the request was read to its end.
    package var isRequestComplete = false
    /// Whether the caller speaks HTTP/2, set once for a connection.
    package var speaksHTTP2 = false
    /// The caller's address as text, set once for a connection.
    package var peer: [UInt8] = []

    /// Set once for a connection that is encrypted.
    package var secured: SecuredConnection?

    var method = HTTPMethod.get
    /// The caller speaks HTTP/1.`clientMinorVersion`.
    var clientMinorVersion: UInt8 = 1
    /// Credential values by backend of `snapshot`.
    var credentials: [Secret<[UInt8]>?] = []
    var port: Int32 = 0
    var listener: Int32 = -1
    var rule: RuleID = -1
    var operation = Operation.none
    /// The API that the caller speaks, where that is not OpenAI's.
    var tongue = Tongue.plain
    var facts: RequestFacts?
    /// The path in its canonical spelling when the caller wrote another.
    var canonicalPath: [UInt8]?
    /// The caller's own request id, when it sent one that may be kept.
    var callerRequestID: [UInt8]?

    /// The model that the request goes to, or -1.
    var model: ModelID = -1
    /// The model's target: its index, or -1 - index of a fallback.
    var modelTarget = 0
    /// The backend that the request goes to, or -1.
    var backend: BackendID = -1
    /// The target of the rule that was chosen, or -1.
    var ruleTarget = -1
    /// The side of a rollout that the request is for, and whether another target stands in for
    /// it because it is not well.
    var meantArm: ArmID = -1
    var isStoodInFor = false
    /// The same once nothing of the mesh's own stands in the way of serving it.
    var arm: ArmID = -1
    /// Whether that side failed it.
    var armFailed = false
    var pick: Pick?
    var isBegun = false
    /// The other of two attempts; nil while there is only one.
    var race: Race?
    /// Which of two attempts is looked at.
    var lane: UInt8 = 0
    /// When a second attempt is due.
    var hedgeAt = Instant.distantFuture
    /// What the last attempt is refused with when it ended because its endpoint said nothing.
    var silence: Refusal.Code?
    /// Whether the caller sent a credential of its own.
    var hasCredential = false
    /// What the present attempt finds out for others.
    var trial: Trial = []
    /// When the first of the targets is back that were passed over because they cool down.
    var soonest = Instant.distantFuture
    var tried = Tried()
    var attemptsOnTarget = 0
    var ringHash: UInt64?
    var usedFreshConnectionAfterReset = false

    /// Set for a call of gRPC.
    var grpc: GRPCCall?
    /// Who the caller is, once an IdentityProvider knows it.
    var caller: Caller?
    /// The provider that knows it, or is being asked; -1 for none.
    var callerProvider: IdentityID = -1
    /// The field that its credential stands in.
    var callerField = FieldName.other

    /// What access rules must remember of the request; nil when that is nothing.
    var accessNotes: AccessNotes?

    /// The labels of its data, numbered as in `snapshot`.
    var labels: DataLabels = []

    /// What it has or waits for at turnstiles; nil when it met none.
    var turnstile: TurnstileNotes?
    /// What was taken from the limits that apply, until `finish` settles it.
    var reservation: Reservation?
    /// Whether the request went out to an endpoint.
    var wasAsked = false

    var timeouts = Timeouts()
    var retry = RetryPolicy()
    var requestDeadline = Instant.distantFuture
    var attemptDeadline = Instant.distantFuture
    var waitDeadline = Instant.distantFuture
    var attemptStarted = Instant(nanoseconds: 0)

    /// Where it is written down what happens, when it is.
    var tape: Tape?
    var reading = Reading.nothing
    var asksForUsage = false
    var answeredHead = false
    /// What is kept back of an answer, in phase `holding`.
    var hold = AnswerHold()
    /// Whether what was kept back must be written now, the head of `heldHead` first.
    package internal(set) var isReleasing = false
    /// What the request asks for beyond text; nil where nothing depends on it.
    var needs: RequestNeeds?
    /// Tokens of context that were too few, once a server said so.
    var contextFloor: Int?
    /// What the caller was given, where the answer may be continued.
    var log: ResumeLog?
    /// Whether the present attempt goes on with an answer that broke off.
    var isResuming = false
    var firstTokenAt: Instant?
    /// What the answers of mirrors are compared with; nil when none are.
    var watch: AnswerWatch?
    /// Whether the endpoint (or, while a body streams, the caller) is not read on purpose.
    package var isPaused = false

    /// An exchange that has not begun.
    package init() {
        snapshot = .empty
        record = Self.blankRecord
    }

    static var blankRecord: ExchangeRecord {
        ExchangeRecord(
            requestID: RequestID(high: 0, low: 0),
            trace: TraceContext(traceHigh: 0, traceLow: 0, parent: 0, span: 0, flags: 0),
            started: Instant(nanoseconds: 0), startedAt: WallTime(nanoseconds: 0))
    }

    /// The rule that took the request, or nil.
    var currentRule: Rule? { rule >= 0 ? snapshot.rules[Int(rule)] : nil }

    /// The listener that the request belongs to, or nil.
    var currentListener: Listener? {
        listener >= 0 ? snapshot.ports[Int(port)].listeners[Int(listener)] : nil
    }

    /// Whether the caller's side is encrypted.
    var isEncrypted: Bool {
        port >= 0 && Int(port) < snapshot.ports.count && snapshot.ports[Int(port)].speech == .https
    }

    /// The caller's own request id, when it was kept.
    package var keptRequestID: [UInt8]? { callerRequestID }

    /// How long setting up a connection may take.
    package var connectTimeout: Nanoseconds { timeouts.connect }

    /// The endpoint of the present attempt, or of the last one.
    package var currentPick: Pick? { pick }

    /// Whether something was taken from limits that is neither settled nor given back.
    package var hasReservation: Bool { reservation != nil }

    /// Attempts that count at their endpoints: none, one, or two while a second one runs beside
    /// the first.
    package var attemptsRunning: Int {
        (isBegun ? 1 : 0) + (race?.other.isBegun == true ? 1 : 0)
    }

    /// Whether the mesh reads this request and its answer as AI traffic.
    package var isAI: Bool { model >= 0 }
}
