// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// Passes an event stream on event by event, reads its usage, and knows whether it is whole.
///
/// In the steady state every read holds whole events that all pass: `consume` then answers
/// `.unchanged` and the driver forwards the bytes it has. Bytes are copied only when a read ends
/// inside an event, or when an event is left out.
///
/// Invariant: what has been given out is always a whole number of events, so an error event can
/// be put behind it at any time; and a stream that lacks its end is never called complete.
package struct StreamRelay: Sendable {
    /// What to forward of the bytes just given.
    package enum Verdict: Sendable, Hashable {
        /// All of them, as they are.
        case unchanged
        /// What was appended to `out` instead (perhaps nothing).
        case replaced
    }

    private var scanner: EventScanner
    /// The bytes of an event whose end has not come yet.
    private var held: [UInt8] = []
    /// Whether the chunk that carries nothing but usage is left out, because only the mesh asked
    /// for it.
    private let stripsUsage: Bool
    private let endsByType: Bool
    /// Whether the stream said in so many words that nothing follows: unlike `isComplete`, a
    /// finish reason is not enough, for other choices may go on.
    package private(set) var isTerminated = false
    /// Usage as last reported by the stream.
    package private(set) var usage: TokenUsage?
    /// Events with data that were passed on.
    package private(set) var dataEvents = 0
    /// Whether the stream said that it is finished: `[DONE]`, a finish reason, a terminal event
    /// of the Responses API, or an error event of the upstream.
    package private(set) var isComplete = false
    /// Whether `[DONE]` was passed on, behind which nothing may follow.
    package private(set) var sawDone = false

    /// A relay at the start of a stream.
    ///
    /// **Shape** with `endsByType` the stream is one of the Responses API, whose last event says
    /// so in its `type`.
    package init(eventBytesMax: Int, stripsUsage: Bool, endsByType: Bool = false) {
        scanner = EventScanner(eventBytesMax: eventBytesMax)
        self.stripsUsage = stripsUsage
        self.endsByType = endsByType
    }

    /// Takes the next bytes of the stream.
    ///
    /// **Errors** an event larger than the bound.
    package mutating func consume(
        _ bytes: RawSpan, into out: inout [UInt8]
    ) throws(EventFault) -> Verdict {
        // The events in front of one that is too large are not given out, so an end among them
        // must not count.
        let former = (isComplete, sawDone, isTerminated)
        do throws(EventFault) {
            if held.isEmpty {
                let whole = try scan(bytes, isHeld: false, into: &out)
                guard let whole else { return .unchanged }
                held.append(bytes.extracting(whole..<bytes.byteCount))
                return .replaced
            }
            // Appended in place: an event that comes in many reads is copied once.
            var work: [UInt8] = []
            swap(&work, &held)
            work.append(bytes)
            let whole = try scan(unsafe work.span.bytes, isHeld: true, into: &out) ?? 0
            if whole > 0 { work.removeFirst(whole) }
            swap(&work, &held)
            return .replaced
        } catch {
            (isComplete, sawDone, isTerminated) = former
            throw error
        }
    }

    /// The stream has ended. Appends what was still held back when it may be passed on, which is
    /// when the stream said before that it is finished.
    package mutating func finish(into out: inout [UInt8]) {
        if !held.isEmpty { observeUnterminated() }
        if isComplete { out.append(contentsOf: held) }
        held = []
    }

    /// Gives out the whole events of `bytes`; answers where the last of them ends, or nil when all
    /// of `bytes` pass as they are and nothing was appended.
    private mutating func scan(
        _ bytes: RawSpan, isHeld: Bool, into out: inout [UInt8]
    ) throws(EventFault) -> Int? {
        var offset = 0
        var whole = 0
        var copied = 0
        var leftOut = false
        while case .event(let event, let data, _, let isDone) =
            try scanner.next(bytes, at: &offset)
        {
            if isDone {
                sawDone = true
                isComplete = true
                isTerminated = true
            } else if !data.isEmpty, isUsageOnly(bytes.extracting(data.range)) {
                out.append(bytes.extracting(copied..<event.start))
                copied = event.end
                leftOut = true
            }
            whole = event.end
        }
        if !isHeld, !leftOut, whole == bytes.byteCount { return nil }
        out.append(bytes.extracting(copied..<whole))
        return whole
    }

    /// Reads one event's data; answers whether the event is the usage that only we asked for.
    private mutating func isUsageOnly(_ data: RawSpan) -> Bool {
        dataEvents += 1
        let facts = UsageScanner.facts(inEvent: data, nested: true)
        if let found = facts.usage {
            usage = found.usage
            if found.isUsageOnly, stripsUsage {
                dataEvents -= 1
                return true
            }
        }
        if facts.isError || Self.isTerminal(data) || (endsByType && Self.hasTerminalType(data)) {
            isTerminated = true
        }
        if facts.hasFinishReason || isTerminated { isComplete = true }
        return false
    }

    /// Whether the event's `type` is one that ends a stream of the Responses API.
    private static func isTerminal(_ data: RawSpan) -> Bool {
        let window = data.extracting(first: 64)
        guard let at = window.firstIndex(of: UInt8(ascii: "r")), at > 0,
            window[at - 1] == UInt8(ascii: "\""), window.extracting(0..<at).hasPrefix("{\"type\"")
        else { return false }
        let name = window.extracting(at..<window.byteCount)
        return name.hasPrefix("response.completed\"") || name.hasPrefix("response.failed\"")
            || name.hasPrefix("response.incomplete\"")
    }

    /// The same wherever `type` stands among the event's members, as some servers write it last.
    ///
    /// Within a string the quotes around `type` would be escaped, so what is found is a key.
    private static func hasTerminalType(_ data: RawSpan) -> Bool {
        var from = 0
        while let quote = data.firstIndex(of: UInt8(ascii: "\""), from: from) {
            from = quote + 1
            let name = data.extracting(from..<data.byteCount)
            guard
                name.hasPrefix("response.completed\"") || name.hasPrefix("response.failed\"")
                    || name.hasPrefix("response.incomplete\"")
            else { continue }
            var end = quote
            while end > 0, data[end - 1] <= 0x20 || data[end - 1] == UInt8(ascii: ":") { end -= 1 }
            if end >= 6, data.extracting((end - 6)..<end).equals("\"type\"") { return true }
        }
        return false
    }

    /// A last `data: [DONE]` without its blank line still ends a stream.
    private mutating func observeUnterminated() {
        let bytes = held
        let text = unsafe bytes.span.bytes
        guard text.hasPrefix("data:") else { return }
        var end = text.byteCount
        while end > 5, text[end - 1] == UInt8(ascii: "\n") || text[end - 1] == UInt8(ascii: "\r") {
            end -= 1
        }
        let start = end > 5 && text[5] == UInt8(ascii: " ") ? 6 : 5
        if text.extracting(start..<end).equals("[DONE]") {
            sawDone = true
            isComplete = true
            isTerminated = true
        }
    }
}
