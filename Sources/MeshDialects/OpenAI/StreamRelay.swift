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
    package init(eventBytesMax: Int, stripsUsage: Bool) {
        scanner = EventScanner(eventBytesMax: eventBytesMax)
        self.stripsUsage = stripsUsage
    }

    /// Takes the next bytes of the stream.
    ///
    /// **Errors** an event larger than the bound.
    package mutating func consume(
        _ bytes: RawSpan, into out: inout [UInt8]
    ) throws(EventFault) -> Verdict {
        // The events in front of one that is too large are not given out, so an end among them
        // must not count.
        let former = (isComplete, sawDone)
        do throws(EventFault) {
            if held.isEmpty {
                return try scan(bytes, isHeld: false, into: &out)
            }
            var work = held
            held.removeAll(keepingCapacity: true)
            work.append(bytes)
            return try scan(unsafe work.span.bytes, isHeld: true, into: &out)
        } catch {
            (isComplete, sawDone) = former
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

    private mutating func scan(
        _ bytes: RawSpan, isHeld: Bool, into out: inout [UInt8]
    ) throws(EventFault) -> Verdict {
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
            } else if !data.isEmpty, isUsageOnly(bytes.extracting(data.range)) {
                out.append(bytes.extracting(copied..<event.start))
                copied = event.end
                leftOut = true
            }
            whole = event.end
        }
        if !isHeld, !leftOut, whole == bytes.byteCount { return .unchanged }
        out.append(bytes.extracting(copied..<whole))
        held.append(bytes.extracting(whole..<bytes.byteCount))
        return .replaced
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
        if facts.hasFinishReason || facts.isError || Self.isTerminal(data) { isComplete = true }
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
        }
    }
}
