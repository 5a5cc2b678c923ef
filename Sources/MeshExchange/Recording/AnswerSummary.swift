// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshDialects
import MeshTelemetry
import MeshWire

/// How far the body of an answer had come when something else happened: what decisions need to
/// know of the bytes that are not kept.
package struct AnswerSummary: Codable, Hashable, Sendable {
    /// When the last piece came, or the caller went on reading, after the exchange's beginning.
    package var lastPieceAfter: UInt64?
    /// When the first token came, after the exchange's beginning.
    package var firstTokenAfter: UInt64?
    /// Bytes written so far, the head among them.
    package var bytesOut: UInt64
    /// What the answer says of the tokens it cost: input, output, cached, reasoning, total.
    package var usage: [UInt64]?
    /// How the stream stands; nil when the answer is none that is read as a stream.
    package var stream: Stream?

    /// What is kept back of a document; nil when nothing is.
    package var held: Held?
    /// How far an answer that may be continued has come; nil for all others.
    package var resume: ResumeState?

    /// What is kept back of a document.
    package struct Held: Codable, Hashable, Sendable {
        /// Its bytes.
        package var bytes: Int
        /// What it is if it ends here.
        package var verdict: AnswerVerdict
        /// What it says of tokens if it ends here.
        package var usage: [UInt64]?
    }

    /// A failure that a server reported in a stream.
    package struct Report: Codable, Hashable, Sendable {
        /// What it means.
        package var kind: ErrorClass
        /// The status that it deserves.
        package var status: Int
        /// Bytes of what the server said.
        package var bytes: Int
        /// Bytes of the event's type; nil in recordings of older versions.
        package var typeBytes: Int?
        /// Bytes of the same as an answer in one piece; nil in recordings of older versions.
        package var documentBytes: Int?
    }

    /// How a stream stands.
    package struct Stream: Codable, Hashable, Sendable {
        /// Whether it said that nothing follows.
        package var isTerminated: Bool
        /// Whether `[DONE]` was passed on.
        package var sawDone: Bool
        /// Whether it is whole if it ends here.
        package var isComplete: Bool
        /// Bytes that are still to be given out if it ends here.
        package var heldBytes: Int
        /// Why it must not go on.
        package var fault: String?
        /// A failure that the server reported and that was kept back.
        package var report: Report?
        /// Whether such a failure was passed on.
        package var sawReport = false
        /// The number of the next event, in the Responses API.
        package var number: Int?
    }
}

extension AnswerSummary {
    /// The usage as the scanner gave it.
    var tokens: TokenUsage? {
        guard let usage, usage.count == 5 else { return nil }
        return TokenUsage(
            input: usage[0], output: usage[1], cachedInput: usage[2], reasoningOutput: usage[3],
            total: usage[4])
    }

    static func numbers(_ usage: TokenUsage?) -> [UInt64]? {
        usage.map { [$0.input, $0.output, $0.cachedInput, $0.reasoningOutput, $0.total] }
    }
}

extension Exchange.Reading {
    /// Whether the stream said in so many words that nothing follows.
    var isTerminated: Bool {
        switch self {
        case .nothing, .document: false
        case .stream(let box): box.relay.isTerminated
        case .recorded(let summary): summary.stream?.isTerminated ?? false
        }
    }

    /// Whether the stream is whole if it ends here.
    var isComplete: Bool {
        switch self {
        case .nothing, .document: false
        case .stream(let box): box.relay.isComplete
        case .recorded(let summary): summary.stream?.isComplete ?? false
        }
    }

    /// Whether a failure that the server reported was passed on.
    var sawReport: Bool {
        switch self {
        case .nothing, .document: false
        case .stream(let box): box.relay.sawReport
        case .recorded(let summary): summary.stream?.sawReport ?? false
        }
    }

    /// The number of the next event, in the Responses API.
    func nextNumber(_ log: ResumeLog?) -> Int {
        switch self {
        case .nothing, .document: 0
        case .stream(let box): log?.nextNumber ?? box.relay.dataEvents
        case .recorded(let summary): summary.stream?.number ?? 0
        }
    }

    /// Whether an event of ours may be put behind what was passed on.
    var takesEvents: Bool {
        switch self {
        case .nothing, .document: false
        case .stream(let box): !box.relay.sawDone
        case .recorded(let summary): summary.stream.map { !$0.sawDone } ?? false
        }
    }
}

extension Exchange {
    /// How the answer stands now.
    func answerSummary(lastPiece: Instant?) -> AnswerSummary {
        var summary = AnswerSummary(
            lastPieceAfter: lastPiece.map { $0.nanoseconds - record.started.nanoseconds },
            firstTokenAfter: firstTokenAt.map { $0.nanoseconds - record.started.nanoseconds },
            bytesOut: record.bytesOut)
        switch reading {
        case .nothing: break
        case .document(var meter):
            if phase == .holding {
                let document = unsafe hold.body.span.bytes
                meter.observe(document, isLast: true)
                summary.held = AnswerSummary.Held(
                    bytes: document.byteCount,
                    verdict: AnswerVerdict(status: hold.status, document: document),
                    usage: AnswerSummary.numbers(meter.usage))
                break
            }
            meter.finish()
            summary.usage = AnswerSummary.numbers(meter.usage)
        case .stream(let box):
            summary.usage = AnswerSummary.numbers(usage(of: box.relay))
            summary.stream = streamSummary(box.relay)
            summary.resume = resumeState
        case .recorded(let known): return known
        }
        return summary
    }

    private func streamSummary(_ relay: StreamRelay) -> AnswerSummary.Stream {
        var ended = relay
        var held: [UInt8] = []
        appendEnd(of: &ended, log: nil, to: &held)
        let kept = ended.isComplete && ended.fault == nil ? log?.heldBytes ?? 0 : 0
        var summary = AnswerSummary.Stream(
            isTerminated: relay.isTerminated, sawDone: relay.sawDone,
            isComplete: ended.isComplete, heldBytes: held.count + kept)
        summary.fault = relay.fault?.rawValue
        summary.sawReport = relay.sawReport
        summary.report = reading.report.map {
            AnswerSummary.Report(
                kind: $0.kind, status: $0.status, bytes: $0.body.count,
                typeBytes: $0.type.count, documentBytes: $0.document.count)
        }
        if operation == .responses { summary.number = reading.nextNumber(log) }
        return summary
    }

    /// Takes the answer to be as far as `summary` says.
    mutating func install(_ summary: AnswerSummary) {
        record.bytesOut = summary.bytesOut
        firstTokenAt = summary.firstTokenAfter.map {
            Instant(nanoseconds: record.started.nanoseconds + $0)
        }
        // The first event of a stream has its time whatever came before it.
        let waits = phase == .relaying || summary.held != nil
        if waits, let after = summary.lastPieceAfter {
            waitForAnswer(at: Instant(nanoseconds: record.started.nanoseconds + after))
        }
        reading = .recorded(summary)
    }
}
