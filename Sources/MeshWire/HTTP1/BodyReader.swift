// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Walks one body as it arrives and says where its payload is; keeps none of it.
///
/// Chunk framing is tracked, not rewritten. `next` tells the payload apart for those who read
/// it. `relay` tells which bytes may be passed on as they are, payload and framing in one range,
/// and silently leaves out chunk extensions and trailer fields; what it answers, sent in order,
/// is the same body in valid chunks. A body is walked by one of the two; copy the reader to do
/// both.
///
/// **Invariant**: nothing behind the end of the body is consumed, and after a violation the
/// reader throws it again for ever.
///
/// ```swift
/// while case .payload(let range) = try reader.next(bytes, at: &offset) { /* use it */ }
/// ```
/// **Source**: RFC 9112 sections 6 and 7.1.
package struct BodyReader: Sendable {
    /// What `next` found.
    package enum Piece: Hashable, Sendable {
        /// Bytes of the body, as a range of the given span.
        case payload(ByteRange)
        /// The body is complete; said again on every later call.
        case end
        /// The span is used up and the body is not complete.
        case needMore
    }

    /// What `relay` found.
    package enum Relay: Hashable, Sendable {
        /// Bytes to pass on unchanged, as a range of the given span.
        case forward(ByteRange)
        /// The body is complete; said again on every later call.
        case end
        /// The span is used up and the body is not complete.
        case needMore
    }

    /// Where in the grammar the next byte falls.
    enum State: UInt8, Sendable {
        case chunkSize, chunkSizeCR, chunkSizeLF
        case extensionName, extensionValue, extensionText, extensionQuoted, extensionPair
        case extensionQuotedEnd
        case data, dataCR, dataLF
        case trailerStart, trailerName, trailerValue, trailerLF, finalLF
        case length, untilClose, done
    }

    /// Whether a chunk extension or a trailer field was seen: the raw bytes must then not be
    /// forwarded as they are, only what `relay` answers or newly framed payload.
    package internal(set) var sawExtras = false

    var state: State
    /// Bytes left of the length, or of the current chunk; 0 between chunks.
    var left: UInt64 = 0
    var sizeDigits = 0
    var extensionBytes = 0
    /// Bytes of the extension name being read.
    var nameBytes = 0
    var extensionBytesTotal = 0
    var trailerBytes = 0
    let limits: HeadLimits
    private let isChunked: Bool
    private let isResponse: Bool
    private var failure: Violation?

    /// A reader at the start of a body. Violations have status 502 when `ofResponse`, else 400.
    package init(_ framing: BodyFraming, limits: HeadLimits, ofResponse: Bool = false) {
        self.limits = limits
        isResponse = ofResponse
        isChunked = framing == .chunked
        switch framing {
        case .none: state = .done
        case .length(let count):
            state = count == 0 ? .done : .length
            left = count
        case .chunked: state = .chunkSize
        case .untilClose: state = .untilClose
        }
    }

    /// Whether the whole body was read.
    package var isComplete: Bool { state == .done }

    /// Whether bytes of our own may be inserted here: between two chunks, or not chunked.
    package var isAtBoundary: Bool {
        !isChunked || state == .chunkSize && sizeDigits == 0
    }

    /// Bytes still to come, when the framing tells.
    package var remaining: UInt64? {
        switch state {
        case .done: 0
        case .length: left
        default: nil
        }
    }

    /// Finds the next piece at or behind `offset` and advances `offset` over it.
    ///
    /// **Shape**: call until it answers `.end` or `.needMore`; with the latter `offset` is the
    /// end of `bytes`, all of which is consumed. The next call takes a new span.
    /// **Errors**: `badChunkSize`, `badChunkExtension`, `badChunkEnd`, `badTrailer`, `bareCR`,
    /// `bareLF`.
    package mutating func next(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(Violation) -> Piece {
        while true {
            switch try checkedStep(bytes, &offset) {
            case .payload(let range): return .payload(range)
            case .framing, .skipped: continue
            case .end: return .end
            case .needMore: return .needMore
            }
        }
    }

    /// Finds the next bytes at or behind `offset` to pass on, and advances `offset` over them.
    ///
    /// **Shape** and **Errors**: as `next`; ranges are as long as they can be, so that a read
    /// without extensions and trailers is one range.
    package mutating func relay(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(Violation) -> Relay {
        var start = -1
        var end = -1
        while true {
            switch try checkedStep(bytes, &offset) {
            case .payload(let range), .framing(let range):
                if start < 0 { start = range.start }
                end = range.end
                if state == .done { return .forward(ByteRange(start, end)) }
            case .skipped:
                if start >= 0 { return .forward(ByteRange(start, end)) }
            case .end:
                return start < 0 ? .end : .forward(ByteRange(start, end))
            case .needMore:
                return start < 0 ? .needMore : .forward(ByteRange(start, end))
            }
        }
    }

    /// Says that the peer sends no more; true when that legally ends the body, false when the
    /// body was cut short.
    package mutating func peerClosed() -> Bool {
        if state == .untilClose { state = .done }
        return state == .done
    }

    private mutating func checkedStep(
        _ bytes: RawSpan, _ offset: inout Int
    ) throws(Violation) -> Step {
        precondition(offset >= 0, "a body cannot be read from before its first byte")
        if let failure { throw failure }
        do throws(Violation) {
            return try step(bytes, &offset)
        } catch {
            let violation = isResponse ? error.ofResponse : error
            failure = violation
            throw violation
        }
    }
}
