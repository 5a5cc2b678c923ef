// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What Host, Content-Length, Transfer-Encoding and Connection say about one message.
struct FramingFields: Sendable {
    /// The Content-Length, when there is one.
    var contentLength: UInt64?
    /// Whether there is a Transfer-Encoding, which then is `chunked`.
    var isChunked = false
    /// Where the Transfer-Encoding is.
    var transferEncodingStart = 0
    /// Connection says `close`.
    var closes = false
    /// Connection says `keep-alive`.
    var keepsAlive = false
    /// Connection says `upgrade`.
    var upgrades = false
    /// Bytes of all Connection values so far.
    private var connectionBytes = 0

    /// The most bytes of Connection values. They are walked once for each unknown field that is
    /// forwarded, so without a bound one head could cost milliseconds.
    static let connectionBytesMax = 1024

    /// Takes note of a field whose name `decidesFraming`.
    ///
    /// **Errors**: every second Host, Content-Length and Transfer-Encoding, Content-Length
    /// beside Transfer-Encoding, and values that are not exactly one length or one `chunked`.
    mutating func note(
        _ slot: FieldSlot, _ bytes: RawSpan, repeated: Bool
    ) throws(Violation) {
        switch slot.name {
        case .host:
            if repeated { throw Violation(.duplicateHost, at: Int(slot.nameStart)) }
        case .contentLength:
            try noteLength(slot, bytes)
        case .transferEncoding:
            try noteCoding(slot, bytes, repeated: repeated)
        default:
            try noteConnection(slot, bytes)
        }
    }

    /// **Source**: RFC 9110 section 8.6; a list of equal lengths is refused, not repaired.
    private mutating func noteLength(_ slot: FieldSlot, _ bytes: RawSpan) throws(Violation) {
        let start = Int(slot.nameStart)
        if isChunked { throw Violation(.lengthAndTransferEncoding, at: start) }
        guard let length = bytes.extracting(slot.valueRange.range).decimal else {
            throw Violation(.badContentLength, at: start)
        }
        if let earlier = contentLength {
            let same = earlier == UInt64(length)
            throw Violation(same ? .repeatedContentLength : .differingContentLengths, at: start)
        }
        contentLength = UInt64(length)
    }

    /// **Source**: RFC 9112 section 6.1. Codings beside `chunked` are not implemented here.
    private mutating func noteCoding(
        _ slot: FieldSlot, _ bytes: RawSpan, repeated: Bool
    ) throws(Violation) {
        let start = Int(slot.nameStart)
        if contentLength != nil { throw Violation(.lengthAndTransferEncoding, at: start) }
        if repeated { throw Violation(.badTransferEncoding, at: start) }
        transferEncodingStart = start
        isChunked = bytes.matches(slot.valueRange, "chunked")
        if isChunked { return }
        var codings = ListWalker(slot.valueRange)
        var count = 0
        var chunked = 0
        var isLast = false
        while let coding = codings.next(in: bytes) {
            count += 1
            isLast = bytes.matches(coding, "chunked")
            if isLast { chunked += 1 }
        }
        let unknownBeforeChunked = isLast && chunked == 1 && count > 1
        throw Violation(
            .badTransferEncoding, at: start, status: unknownBeforeChunked ? 501 : 400)
    }

    private mutating func noteConnection(_ slot: FieldSlot, _ bytes: RawSpan) throws(Violation) {
        connectionBytes += Int(slot.valueLength)
        guard connectionBytes <= Self.connectionBytesMax else {
            throw Violation(.connectionTooLong, at: Int(slot.nameStart))
        }
        // Nearly every value is this one word.
        if bytes.matches(slot.valueRange, "keep-alive") {
            keepsAlive = true
            return
        }
        var options = ListWalker(slot.valueRange)
        while let option = options.next(in: bytes) {
            if bytes.matches(option, "close") {
                closes = true
            } else if bytes.matches(option, "keep-alive") {
                keepsAlive = true
            } else if bytes.matches(option, "upgrade") {
                upgrades = true
            }
        }
    }

    /// Whether the connection may carry another message after this one.
    /// **Source**: RFC 9112 section 9.3.
    func persists(minorVersion: Int) -> Bool {
        !closes && (minorVersion >= 1 || keepsAlive)
    }
}

/// Which fields the `Connection` fields of a head name.
enum Nomination {
    /// Whether one of the `Connection` fields among `fields` names the field at `slot`.
    static func names(_ slot: FieldSlot, in fields: [FieldSlot], _ bytes: RawSpan) -> Bool {
        guard slot.nameRange.end <= bytes.byteCount else { return false }
        let name = bytes.extracting(slot.nameRange.range)
        for connection in fields where connection.name == .connection {
            var options = ListWalker(connection.valueRange)
            while let option = options.next(in: bytes) {
                guard option.count == name.byteCount else { continue }
                if bytes.extracting(option.range).equalsIgnoringCase(name) { return true }
            }
        }
        return false
    }

    /// The known names that the `Connection` fields name, and whether they name others as well.
    static func known(
        in fields: [FieldSlot], _ bytes: RawSpan
    ) -> (names: FieldSet, others: Bool) {
        var names: FieldSet = []
        var others = false
        for connection in fields where connection.name == .connection {
            var options = ListWalker(connection.valueRange)
            while let option = options.next(in: bytes) {
                let name = FieldName.recognised(bytes, option)
                if name != .other {
                    names.formUnion(FieldSet(name))
                } else if !bytes.matches(option, "close") {
                    others = true
                }
            }
        }
        return (names, others)
    }
}
