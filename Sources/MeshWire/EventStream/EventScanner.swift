// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Finds the events in a `text/event-stream` while the bytes pass through.
///
/// The relay keeps the bytes of an unfinished event at the front of its buffer, so an event is
/// always contiguous in the span it is found in. The scanner remembers how far it has looked,
/// counted from the first byte of the event: each byte is looked at once, however small the
/// pieces are in which the stream arrives.
///
/// ```
///  offset ─┐            looked ─┐         behind the event: the new offset ─┐
///          data: {"id":"1","choi│ces":[…]}⏎⏎                                data: …
/// ```
///
/// What counts as an event here is everything up to and with a blank line. That may be only
/// comments or nothing at all (`dataLines` is then 0): the relay passes it on all the same, so
/// what goes out is byte for byte what came in.
///
/// **Source** WHATWG HTML, "Server-sent events", section 9.2.
package struct EventScanner: Sendable {
    /// The most bytes of one event, with its blank line.
    package static let eventBytesDefault = 1 << 20

    private let eventBytesMax: Int
    /// How far the unfinished event has been looked at, and where its last line begins.
    private var looked = 0
    private var lineStart = 0
    private var data = ByteRange.empty
    private var dataLines = 0
    /// Whether no event has ended yet, so that a byte order mark may stand at the front.
    private var isFirst = true
    private var isFirstFound = false

    /// A scanner at the front of a stream.
    package init(eventBytesMax: Int = EventScanner.eventBytesDefault) {
        self.eventBytesMax = eventBytesMax
    }

    /// Whether nothing was looked at of the event that comes next, so that it may be taken by
    /// other means if `allows` its size.
    package var isBetweenEvents: Bool { lineStart == 0 && looked == 0 && !isFirst }

    /// Whether an event may have so many bytes.
    package func allows(_ count: Int) -> Bool { count <= eventBytesMax }

    /// What `next(_:at:)` met.
    package enum Found: Hashable, Sendable {
        /// An event is complete; ranges point into the span given.
        ///
        /// `event` is all of it, blank line and all. `data` is the value of its first `data`
        /// line; with more than one line `appendData(of:in:to:)` joins them. `isDone` says that
        /// the data is exactly `[DONE]`.
        case event(ByteRange, data: ByteRange, dataLines: Int, isDone: Bool)
        /// No further event ends in these bytes: keep those from the offset on.
        case needMore
    }

    /// The next event that is complete in `bytes`.
    ///
    /// **Shape** `offset` is where the event begins, and on `.event` moves behind it; the bytes
    /// from `offset` on are those of the last call, and maybe more. A carriage return at the very
    /// end waits for the line feed that may belong to it.
    /// **Errors** `.tooLarge` for the same event however the stream is cut into pieces.
    /// **Complexity** O(new bytes).
    package mutating func next(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(EventFault) -> Found {
        try advance(bytes, at: &offset, isEnd: false)
    }

    /// The next event, when no more bytes will follow: a last carriage return waits no longer.
    /// `.needMore` then means that the rest is an unfinished event.
    package mutating func finish(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(EventFault) -> Found {
        try advance(bytes, at: &offset, isEnd: true)
    }

    /// Appends the data of the event found last, its lines joined by line feeds.
    package func appendData(of event: ByteRange, in bytes: RawSpan, to out: inout [UInt8]) {
        var offset = firstLine(of: event, in: bytes)
        var lines = 0
        while let line = EventLine.next(bytes, at: &offset, limit: event.end) {
            guard let value = EventLine.data(bytes, line.start, line.end) else { continue }
            if lines > 0 { out.append(EventLine.lineFeed) }
            out.append(bytes.extracting(value.range))
            lines &+= 1
        }
    }

    /// Where the first line of the event found last begins: behind a byte order mark.
    func firstLine(of event: ByteRange, in bytes: RawSpan) -> Int {
        isFirstFound && EventLine.hasMark(bytes, at: event.start) ? event.start &+ 3 : event.start
    }

    private mutating func advance(
        _ bytes: RawSpan, at offset: inout Int, isEnd: Bool
    ) throws(EventFault) -> Found {
        let start = offset
        var i = start &+ looked
        while i <= bytes.byteCount, let end = EventLine.end(bytes, from: i) {
            i = end &+ 1
            if bytes[end] == EventLine.carriageReturn {
                if i == bytes.byteCount, !isEnd {
                    looked = end &- start
                    try checkSize(bytes.byteCount &- start)
                    return .needMore
                }
                if i < bytes.byteCount, bytes[i] == EventLine.lineFeed { i &+= 1 }
            }
            var line = start &+ lineStart
            if isFirst, lineStart == 0, EventLine.hasMark(bytes, at: line) { line &+= 3 }
            lineStart = i &- start
            if line >= end {
                offset = i
                return try close(bytes, from: start, to: i)
            }
            take(bytes, line, end, start)
        }
        looked = bytes.byteCount &- start
        try checkSize(looked)
        return .needMore
    }

    /// Notes the line in `line ..< end` of the event that begins at `start`.
    @inline(__always)
    private mutating func take(_ bytes: RawSpan, _ line: Int, _ end: Int, _ start: Int) {
        guard let value = EventLine.data(bytes, line, end) else { return }
        dataLines &+= 1
        if dataLines == 1 { data = ByteRange(value.start &- start, value.end &- start) }
    }

    /// Hands out the event and makes ready for the one behind it.
    private mutating func close(
        _ bytes: RawSpan, from start: Int, to end: Int
    ) throws(EventFault) -> Found {
        try checkSize(end &- start)
        let value = ByteRange(start &+ data.start, start &+ data.end)
        let isDone =
            dataLines == 1 && value.count == 6 && bytes.extracting(value.range).equals("[DONE]")
        let found = Found.event(
            ByteRange(start, end), data: dataLines == 0 ? .empty : value, dataLines: dataLines,
            isDone: isDone)
        isFirstFound = isFirst
        isFirst = false
        looked = 0
        lineStart = 0
        data = .empty
        dataLines = 0
        return found
    }

    private func checkSize(_ count: Int) throws(EventFault) {
        if count > eventBytesMax { throw .tooLarge(limit: eventBytesMax) }
    }
}
