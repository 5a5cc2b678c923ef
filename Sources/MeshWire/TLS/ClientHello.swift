// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What a caller says first in TLS, as far as the choice of a certificate needs it.
///
/// Read before any TLS library sees a byte, so that the certificate, the versions and whether
/// callers must show who they are can differ by the name that was asked for. Nothing here is
/// proved yet: it is what the caller wishes.
///
/// **Source** RFC 8446 sections 4.1.2 and 5.1; RFC 6066 section 3 (server name); RFC 7301 (ALPN).
package struct ClientHello: Sendable, Hashable {
    /// The host that was asked for, in lower case; empty when none was.
    package private(set) var serverName: [UInt8] = []
    /// The protocols that were offered (ALPN), the preferred one first; empty when none was.
    package private(set) var protocols: [[UInt8]] = []
    /// Whether TLS 1.3 was offered.
    package private(set) var offersTLS13 = false
    /// Whether it could go on with a former session instead of proving anything again.
    package private(set) var mayResume = false

    private var hasSessionID = false

    private init() {}

    /// What the bytes so far are.
    package enum Reading: Sendable, Hashable {
        /// The beginning of one.
        case incomplete
        /// All of one.
        case whole(ClientHello)
        /// Something else: a request without TLS, for instance.
        case notTLS
        /// One that breaks the protocol, or is too large.
        case malformed(StaticReason)
    }

    /// Why one was not taken, in words.
    package struct StaticReason: Sendable, Hashable, CustomStringConvertible {
        /// The words.
        package let description: String
    }

    /// The most bytes of one, its records' heads included: with post-quantum keys and long lists
    /// of everything it has two thousand.
    package static let bytesMax = 16 * 1024

    /// Reads one from the start of a connection.
    ///
    /// **Complexity** O(n); it is asked again with more bytes at most as often as bytes come.
    package static func read(_ bytes: RawSpan) -> Reading {
        var message: [UInt8] = []
        var offset = 0
        while true {
            if message.count >= 4 {
                let length = Self.length(message)
                if message[0] != 1 { return .wrong("first message") }
                if length + 4 > bytesMax { return .wrong("length: it is longer than 16 KiB") }
                if message.count >= length + 4 {
                    // What stands behind the hello in its record is for whoever reads it next.
                    return parse(message, 4..<(length + 4))
                }
            }
            let left = bytes.byteCount - offset
            if left > 0, bytes[offset] != 22 { return offset == 0 ? .notTLS : .wrong("record") }
            if left > 1, bytes[offset + 1] != 3 { return offset == 0 ? .notTLS : .wrong("version") }
            guard left >= 5 else { return tooLong(bytes) ?? .incomplete }
            let count = Int(bytes[offset + 3]) << 8 | Int(bytes[offset + 4])
            // RFC 8446 section 5.1: no empty fragments of handshake messages, and 2^14 at most.
            guard count > 0, count <= 16_384 else { return .wrong("record length") }
            let end = min(offset + 5 + count, bytes.byteCount)
            for index in (offset + 5)..<max(end, offset + 5) { message.append(bytes[index]) }
            guard offset + 5 + count <= bytes.byteCount else {
                if message.count >= 1, message[0] != 1 { return .wrong("first message") }
                if message.count >= 4, message.count >= length(message) + 4 {
                    return parse(message, 4..<(length(message) + 4))
                }
                return tooLong(bytes) ?? .incomplete
            }
            offset += 5 + count
        }
    }

    private static func tooLong(_ bytes: RawSpan) -> Reading? {
        bytes.byteCount > bytesMax ? .wrong("length: it is longer than 16 KiB") : nil
    }

    private static func length(_ message: [UInt8]) -> Int {
        Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
    }

    private static func parse(_ message: [UInt8], _ body: Range<Int>) -> Reading {
        var reader = Reader(message, body)
        var hello = ClientHello()
        do throws(Short) {
            try reader.skip(2 + 32)
            hello.hasSessionID = try !reader.vector(bytes: 1).isAtEnd
            _ = try reader.vector(bytes: 2)
            _ = try reader.vector(bytes: 1)
            if !reader.isAtEnd {
                let extensions = try reader.vector(bytes: 2)
                guard reader.isAtEnd else { return .wrong("length") }
                try hello.read(extensions)
            }
        } catch {
            return .wrong(error.part)
        }
        // TLS 1.3 carries a session id for the sake of old machines between; before that it
        // names a session.
        if hello.hasSessionID, !hello.offersTLS13 { hello.mayResume = true }
        return .whole(hello)
    }

    private mutating func read(_ extensions: Reader) throws(Short) {
        var reader = extensions
        var seen: [Int] = []
        while !reader.isAtEnd {
            let type = try reader.number(bytes: 2)
            let content = try reader.vector(bytes: 2)
            if seen.contains(type) { throw Short(part: "extension that stands there twice") }
            // So many are not known to anybody, and the search is linear.
            guard seen.count < 256 else { throw Short(part: "number of extensions") }
            seen.append(type)
            switch type {
            case 0: serverName = try Self.serverName(content)
            case 16: protocols = try Self.protocols(content)
            case 35: if !content.isAtEnd { mayResume = true }
            case 41, 42: mayResume = true
            case 43: offersTLS13 = try Self.offersTLS13(content)
            default: break
            }
        }
    }

    private static func serverName(_ content: Reader) throws(Short) -> [UInt8] {
        var outer = content
        var list = try outer.vector(bytes: 2)
        guard outer.isAtEnd, try list.number(bytes: 1) == 0 else {
            throw Short(part: "server name")
        }
        let name = try list.vector(bytes: 2)
        guard list.isAtEnd, !name.isAtEnd, name.range.count <= 255 else {
            throw Short(part: "server name")
        }
        let text = name.content.map { ASCII.lowercased($0) }
        let isFit = text.allSatisfy { byte in
            (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || ASCII.isDigit(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "_")
        }
        // RFC 6066 section 3: without the dot at the end.
        guard isFit, text.last != UInt8(ascii: ".") else { throw Short(part: "server name") }
        return text
    }

    private static func protocols(_ content: Reader) throws(Short) -> [[UInt8]] {
        var outer = content
        var list = try outer.vector(bytes: 2)
        guard outer.isAtEnd, !list.isAtEnd else { throw Short(part: "protocol list") }
        var found: [[UInt8]] = []
        while !list.isAtEnd {
            let name = try list.vector(bytes: 1)
            guard !name.isAtEnd, found.count < 64 else { throw Short(part: "protocol list") }
            found.append(Array(name.content))
        }
        return found
    }

    private static func offersTLS13(_ content: Reader) throws(Short) -> Bool {
        var outer = content
        var list = try outer.vector(bytes: 1)
        guard outer.isAtEnd else { throw Short(part: "version list") }
        var isOffered = false
        while !list.isAtEnd { if try list.number(bytes: 2) == 0x0304 { isOffered = true } }
        return isOffered
    }
}

extension ClientHello.Reading {
    fileprivate static func wrong(_ part: String) -> ClientHello.Reading {
        .malformed(.init(description: "the ClientHello has a wrong \(part)"))
    }
}

/// A vector that is longer than what holds it.
private struct Short: Error {
    var part = "length"
}

/// Reads numbers and vectors with a length in front, each within what is there.
private struct Reader {
    let bytes: [UInt8]
    private(set) var range: Range<Int>

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }

    var isAtEnd: Bool { range.isEmpty }

    /// What is left, lent out.
    var content: ArraySlice<UInt8> { bytes[range] }

    mutating func skip(_ count: Int) throws(Short) {
        guard range.count >= count else { throw Short() }
        range = (range.lowerBound + count)..<range.upperBound
    }

    mutating func number(bytes width: Int) throws(Short) -> Int {
        let start = range.lowerBound
        try skip(width)
        var value = 0
        for index in start..<(start + width) { value = value << 8 | Int(bytes[index]) }
        return value
    }

    mutating func vector(bytes width: Int) throws(Short) -> Reader {
        let count = try number(bytes: width)
        let start = range.lowerBound
        try skip(count)
        return Reader(bytes, start..<(start + count))
    }
}
