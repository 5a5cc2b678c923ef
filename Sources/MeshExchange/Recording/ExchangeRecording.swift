// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshDialects
import MeshEngines
package import MeshLimits
import MeshPolicy
package import MeshRouting
import MeshSnapshot

/// Everything that one exchange was told and asked of its shard, and what it decided: enough to
/// decide it all again, and to say why.
///
/// ```
///  head, sizes, facts ──┐
///  instants, chance ────┼──> the same Exchange ──> the same outcomes, the same access line
///  states it looked at ─┘
/// ```
///
/// What is kept of a message is its head, with the values of fields that carry credentials blotted
/// out, and sizes. Invariant: no body, and no secret, is ever in a recording.
package struct ExchangeRecording: Codable, Hashable, Sendable {
    /// The mesh's id of the exchange, as the access log has it.
    package var id: String
    /// The caller's own id, when it sent one that was kept.
    package var callerID: String?
    /// When it began, on the proxy's monotonic clock.
    package var startedNanoseconds: UInt64
    /// Calendar time minus monotonic time, in nanoseconds.
    package var wallOffset: Int64
    /// The version of the snapshot that it began with.
    package var snapshot: UInt64
    /// Which of several runs of a proxy that wrote into one file it is of, from 1; set by readers.
    package var era: UInt64?
    /// Where it was listened for, `address:port`; empty when the port was closed by then.
    package var port = ""
    /// The request's head, each byte as the character of that number; empty when none was read.
    package var head = ""
    /// Names of the head's fields and parameters whose values were blotted out.
    package var hidden: [String] = []
    /// The caller's address.
    package var source = ""
    /// What was known of the caller's connection when that was encrypted.
    package var connection: RecordedConnection?
    /// Event loops that every limit was divided over.
    package var loops = 1
    /// The hash of a blotted out value that a hash ring went by, in hexadecimal.
    package var ringHash: String?
    /// Backends whose credential could not be read, in the order of the snapshot.
    package var missingCredentials: [String] = []
    /// What happened, in order.
    package var events: [RecordedEvent] = []
    /// Why it cannot be decided again, or nil when it can.
    package var gap: Gap?
    /// The access line without the caller's address and the time of day's zone.
    package var line = ""

    /// What a recording lacks.
    package enum Gap: String, Codable, Hashable, Sendable {
        /// More happened than `Limits.recordedEvents`.
        case events = "too-many-events"
        /// The body names a model longer than `Limits.recordedModelBytes`.
        case model = "too-long-a-model"
        /// A backend has more endpoints than `Limits.picturedEndpoints`.
        case endpoints = "too-many-endpoints"
    }

    /// A recording of which only the beginning is known.
    package init(id: String, startedNanoseconds: UInt64, wallOffset: Int64, snapshot: UInt64) {
        self.id = id
        self.startedNanoseconds = startedNanoseconds
        self.wallOffset = wallOffset
        self.snapshot = snapshot
    }

    /// When it began.
    package var started: Instant { Instant(nanoseconds: startedNanoseconds) }

    /// Whether `text` names this exchange: the mesh's id or the caller's.
    package func isNamed(_ text: String) -> Bool { id == text || callerID == text }
}

/// One thing that an exchange was told, and what it answered.
package struct RecordedEvent: Codable, Hashable, Sendable {
    /// What it was told.
    package var kind: Kind
    /// How long after the beginning, in nanoseconds.
    package var after: UInt64
    /// The state of the shard's generator before, in hexadecimal; nil where nothing is drawn.
    package var random: String?
    /// What the driver had set before.
    package var flags: EventFlags
    /// Which of two attempts it is about; nil for the first, or the only one.
    package var lane: UInt8?
    /// The version of the shard's snapshot when it is no longer the exchange's own.
    package var snapshot: UInt64?
    /// Bytes that the event is about.
    package var bytes: Int?
    /// The head of an answer, or how an attempt failed.
    package var text: String?
    /// What was wrong, for events that refuse.
    package var refusal: RecordedRefusal?
    /// What the scanner read in the body.
    package var body: RecordedBody?
    /// How far the answer's body had come.
    package var answer: AnswerSummary?
    /// The states of endpoints that were looked at, one for each pick.
    package var pools: [PoolPicture] = []
    /// The limits that were asked, in order.
    package var buckets: [BucketPicture] = []
    /// How the caller stood at its limits when the answer's head was written.
    package var quota: Quota?
    /// What each stage had to say, in order.
    package var notes: [RecordedNote] = []
    /// What rules said that read blotted out values; nil when none did.
    package var verdicts: [RecordedVerdict]?
    /// What an answer that came whole with its head turned out to be.
    package var judged: AnswerVerdict?
    /// Who the caller was found to be, each time that it was asked; nil when it was not.
    package var identities: [RecordedIdentity]?
    /// What a policy engine answered.
    package var engine: RecordedAnswer?
    /// Answers of engines that were kept and given again; nil when there were none.
    package var keptAnswers: [RecordedAnswer]?
    /// What turnstiles of backends said, in order; nil when none was asked.
    package var turnstiles: [RecordedTurnstile]?
    /// How targets stood that were in trouble when they were thought of; nil when none was.
    package var standings: [RecordedStanding]?
    /// Backends none of whose endpoints took traffic when a caller's own target was looked for; nil
    /// when there were none.
    package var down: [String]?
    /// The hashes that callers' targets were chosen by where a value is blotted out; nil when there
    /// were none.
    package var assignments: [RecordedAssignment]?
    /// What the answer's head said about limits of its server; nil when that was nothing.
    package var rateLimit: RateLimit?
    /// How long answers usually take to begin, in nanoseconds, where that was asked and known.
    package var usualWait: Int64?
    /// Whether each retry that was wished for was within the budget.
    package var budgets: [Bool] = []
    /// What was decided.
    package var outcome = RecordedOutcome()

    /// What an exchange is told.
    package enum Kind: String, Codable, Hashable, Sendable {
        /// A head was read.
        case begin
        /// What came was no request.
        case unread
        /// The body that was asked for is whole.
        case body
        /// The body could not be collected or passed on.
        case bodyFailed
        /// A policy engine answered, or did not.
        case engine
        /// More of the body was collected.
        case bodyProgressed
        /// The request is whole.
        case requestCompleted
        /// Some of a streamed body went out.
        case requestProgressed
        /// The request goes out.
        case sent
        /// The attempt failed before an answer's head.
        case attemptFailed
        /// A deadline passed.
        case timer
        /// The caller left.
        case clientGone
        /// The process stops.
        case cutOff
        /// An answer's head was read.
        case answerHead
        /// Fields came behind the answer's body; `bytes` is the outcome of a gRPC call.
        case answerTrailers
        /// The answer's body ended well.
        case answerEnded
        /// The answer's body broke off.
        case answerBroke
        /// The caller reads too slowly.
        case paused
        /// An answer that was kept back began to pass.
        case released
        /// Keys that were asked for are there, or could not be had.
        case keysSettled
        /// Whoever waited at a turnstile was called: `text` is `in` or `out`.
        case turnstileOpened
    }

    /// An event whose outcome is not known yet.
    package init(_ kind: Kind, after: UInt64, flags: EventFlags) {
        self.kind = kind
        self.after = after
        self.flags = flags
    }
}

/// One sentence of a stage about what it decided.
package struct RecordedNote: Codable, Hashable, Sendable {
    /// The stage that speaks.
    package var stage: Stage
    /// What it says.
    package var text: String

    /// The stages of an exchange, in the order in which a request meets them.
    package enum Stage: String, Codable, Hashable, Sendable {
        /// Who asks.
        case identify
        /// What is asked for.
        case classify
        /// Which data labels it carries, and where such data may go.
        case residency
        /// Whether it is allowed.
        case authorize
        /// Whether it may enter now.
        case admit
        /// Where it goes.
        case route
        /// How it goes on and what comes back.
        case forward
        /// What it cost.
        case account
    }
}

/// What one rule said.
package struct RecordedVerdict: Codable, Hashable, Sendable {
    /// `policy/rule`.
    package var rule: String
    /// Whether it held; nil when it could not be evaluated.
    package var holds: Bool?

    init(_ rule: String, _ verdict: Verdict) {
        self.rule = rule
        switch verdict {
        case .holds: holds = true
        case .fails: holds = false
        case .unknown: holds = nil
        }
    }

    /// The verdict again.
    var verdict: Verdict {
        switch holds {
        case true?: .holds
        case false?: .fails
        case nil: .unknown(EvaluationFault(.invalidArgument, ""))
        }
    }
}

/// The hash that a caller's target was chosen by.
package struct RecordedAssignment: Codable, Hashable, Sendable {
    /// The route or Model whose targets they are.
    package var owner: String
    /// The expression.
    package var by: String
    /// The hash in hexadecimal; nil when there was no value.
    package var hash: String?

    init(owner: String, by: String, _ value: UInt64?) {
        self.owner = owner
        self.by = by
        hash = value.map { String($0, radix: 16) }
    }

    /// The hash again.
    var value: UInt64? { hash.flatMap { UInt64($0, radix: 16) } }
}

/// What a driver may have set between two events.
package struct EventFlags: OptionSet, Codable, Hashable, Sendable {
    /// The flags as bits.
    package var rawValue: UInt8

    /// The flags of `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The process is stopping.
    package static let draining = EventFlags(rawValue: 1)
    /// The caller's connection may serve another request.
    package static let keepsAlive = EventFlags(rawValue: 2)
    /// One side is not read on purpose.
    package static let paused = EventFlags(rawValue: 4)
    /// The request may be sent again.
    package static let canReplay = EventFlags(rawValue: 8)
    /// Receipts cannot be written down.
    package static let losesReceipts = EventFlags(rawValue: 16)
    /// The process is so short of something that it sheds.
    package static let sheds = EventFlags(rawValue: 32)
    /// The process is so short of something that it refuses.
    package static let refuses = EventFlags(rawValue: 64)
}

/// A refusal that the driver handed in.
package struct RecordedRefusal: Codable, Hashable, Sendable {
    /// The stable code.
    package var code: String
    /// The status.
    package var status: Int
    /// What was said.
    package var message: String

    init(_ refusal: Refusal) {
        code = "\(refusal.code.name)"
        status = refusal.status
        message = refusal.message
    }

    /// The refusal again, or nil when this version of the mesh knows no such code.
    var refusal: Refusal? {
        guard let code = Refusal.Code.allCases.first(where: { "\($0.name)" == self.code }) else {
            return nil
        }
        return Refusal(code, status: status, message: message)
    }
}

/// What an exchange decided at one event, without the bytes that it asked to be written.
package struct RecordedOutcome: Codable, Hashable, Sendable {
    /// The parts of the step that are yes or no, in the order of `Step`, from the lowest bit.
    package var parts: UInt16 = 0
    /// The backend that the request goes to.
    package var backend: String?
    /// The endpoint that the request goes to, `address:port`.
    package var endpoint: String?
    /// The pause before that, in nanoseconds.
    package var delay: Int64?
    /// The endpoint that is asked beside another one.
    package var hedge: String?
    /// The backends that get copies.
    package var mirrors: [String] = []
    /// The policy engine that is asked.
    package var engine: String?
    /// Where the exchange stood then.
    package var phase: UInt8 = 0

    /// Nothing decided.
    package init() {}

    init(_ step: Step, _ exchange: borrowing Exchange) {
        let flags = [
            step.abandonsUpstream, step.collectsBody, step.needsFreshConnection, step.writes,
            step.writesBody, step.relaysBody, step.endsAnswer, step.closesClient, step.isDone,
            step.awaitsKeys != nil, step.writesTrailers, step.takesRival, step.leavesRival,
        ]
        for (bit, flag) in flags.enumerated() where flag { parts |= 1 << UInt16(bit) }
        engine = step.asks?.question.engine.name
        if let pick = step.dispatch {
            let snapshot = exchange.snapshot
            let chosen = snapshot.endpoints[Int(pick.endpoint)]
            backend = snapshot.backends[Int(chosen.backend)].name
            endpoint = chosen.authority
            if step.delay.rawValue != 0 { delay = step.delay.rawValue }
        }
        if step.hedges, let pick = exchange.rivalPick {
            hedge = exchange.snapshot.endpoints[Int(pick.endpoint)].authority
        }
        let backends = exchange.snapshot.backends
        mirrors = step.mirrors.map { backends[Int($0.backend)].name }
        phase = exchange.phase.rawValue
    }

    /// Whether the exchange ended here.
    package var isDone: Bool { parts & 1 << 8 != 0 }
}
