// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
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
        case .stream(let relay): relay.isTerminated
        case .recorded(let summary): summary.stream?.isTerminated ?? false
        }
    }

    /// Whether an event of ours may be put behind what was passed on.
    var takesEvents: Bool {
        switch self {
        case .nothing, .document: false
        case .stream(let relay): !relay.sawDone
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
            meter.finish()
            summary.usage = AnswerSummary.numbers(meter.usage)
        case .stream(let relay):
            var ended = relay
            var held: [UInt8] = []
            ended.finish(into: &held)
            summary.usage = AnswerSummary.numbers(relay.usage)
            summary.stream = AnswerSummary.Stream(
                isTerminated: relay.isTerminated, sawDone: relay.sawDone,
                isComplete: ended.isComplete, heldBytes: held.count)
        case .recorded(let known): return known
        }
        return summary
    }

    /// Takes the answer to be as far as `summary` says.
    mutating func install(_ summary: AnswerSummary) {
        record.bytesOut = summary.bytesOut
        firstTokenAt = summary.firstTokenAfter.map {
            Instant(nanoseconds: record.started.nanoseconds + $0)
        }
        if let after = summary.lastPieceAfter {
            waitForAnswer(at: Instant(nanoseconds: record.started.nanoseconds + after))
        }
        reading = .recorded(summary)
    }
}
