// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// One event of a stream as a reader of the stream sees it.
package struct ServerEvent: Hashable, Sendable {
    /// The name of the event; `message` unless the stream says otherwise.
    package var type: String
    /// The data, its lines joined by line feeds.
    package var data: String
    /// The last event ID of the stream so far.
    package var id: String

    /// An event with these fields.
    package init(type: String = "message", data: String, id: String = "") {
        self.type = type
        self.data = data
        self.id = id
    }
}

/// Reads a `text/event-stream` to the letter of its standard, events as values.
///
/// It keeps the unfinished event in a buffer of its own and allocates for each event: for
/// clients, tests and tools. The relay uses `EventScanner`, which this is built on.
///
/// **Source** WHATWG HTML, "Server-sent events", section 9.2.6.
package struct EventParser: Sendable {
    /// The last `id` that took effect.
    package private(set) var lastEventID = ""
    /// The last `retry` that was a number, in milliseconds.
    package private(set) var retryMilliseconds: Int?
    private var scanner: EventScanner
    private var buffer: [UInt8] = []

    /// A parser at the front of a stream.
    package init(eventBytesMax: Int = EventScanner.eventBytesDefault) {
        scanner = EventScanner(eventBytesMax: eventBytesMax)
    }

    /// Takes the next piece of the stream; answers the events that it completes.
    package mutating func feed(_ piece: RawSpan) throws(EventFault) -> [ServerEvent] {
        buffer.append(piece)
        return try drain(isEnd: false)
    }

    /// Ends the stream; answers an event that only waited for a line feed. What is unfinished
    /// is dropped, as the standard asks.
    package mutating func finish() throws(EventFault) -> [ServerEvent] {
        let events = try drain(isEnd: true)
        buffer = []
        return events
    }

    private mutating func drain(isEnd: Bool) throws(EventFault) -> [ServerEvent] {
        var events: [ServerEvent] = []
        var offset = 0
        // Held apart while spans of it are in use, which exclude changes to the parser.
        let bytes = buffer
        while true {
            let found =
                isEnd
                ? try scanner.finish(unsafe bytes.span.bytes, at: &offset)
                : try scanner.next(unsafe bytes.span.bytes, at: &offset)
            guard case .event(let range, _, let dataLines, _) = found else { break }
            if let event = read(range, of: unsafe bytes.span.bytes, dataLines: dataLines) {
                events.append(event)
            }
        }
        if offset > 0 { buffer = Array(bytes[offset...]) }
        return events
    }

    /// Reads the fields of one event; nil when it has no data and so is not dispatched.
    private mutating func read(
        _ range: ByteRange, of bytes: RawSpan, dataLines: Int
    ) -> ServerEvent? {
        var type = ""
        var offset = scanner.firstLine(of: range, in: bytes)
        while let line = EventLine.next(bytes, at: &offset, limit: range.end) {
            let (name, value) = EventLine.field(bytes, line.start, line.end)
            let field = bytes.extracting(name.range)
            let text = bytes.extracting(value.range)
            if field.equals("event") {
                type = text.text
            } else if field.equals("id") {
                if text.firstIndex(of: 0) == nil { lastEventID = text.text }
            } else if field.equals("retry") {
                if let milliseconds = text.decimal { retryMilliseconds = milliseconds }
            }
        }
        guard dataLines > 0 else { return nil }
        var data: [UInt8] = []
        scanner.appendData(of: range, in: bytes, to: &data)
        return ServerEvent(
            type: type.isEmpty ? "message" : type, data: (unsafe data.span.bytes).text,
            id: lastEventID)
    }
}
