// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Makes the head of a request of HTTP/1.1 from the fields of one of HTTP/2.
///
/// Both versions mean the same request, so there is one reader of it: `RequestHead`. What stands
/// here is the gate in front of it. It refuses what HTTP/2 calls malformed and a codec may let
/// through, and it writes nothing that was not looked at byte by byte: a request line cannot be
/// made longer by its path, nor a head by a value.
///
/// A value that is used again and again keeps its storage.
///
/// ```swift
/// try fields.add(name, value, limits: limits)  // for each field, pseudo-fields first
/// try fields.finish(hasBody: !endStream, into: &bytes)
/// ```
/// **Source**: RFC 9113 section 8.3.
package struct RequestFields: Sendable {
    /// The method, once it is known.
    package private(set) var method = HTTPMethod.other

    private var gate = FieldGate()
    private var seen: Pseudo = []
    private var methodBytes: [UInt8] = []
    private var path: [UInt8] = []
    private var authority: [UInt8] = []
    private var host: [UInt8] = []
    private var hasHost = false
    private var cookie: [UInt8] = []
    private var lines: [UInt8] = []
    private var length: UInt64?

    private struct Pseudo: OptionSet, Sendable {
        var rawValue: UInt8
        static let method = Pseudo(rawValue: 1)
        static let scheme = Pseudo(rawValue: 2)
        static let path = Pseudo(rawValue: 4)
        static let authority = Pseudo(rawValue: 8)
    }

    /// Nothing yet.
    package init() {}

    /// Forgets everything but the storage.
    package mutating func reset() {
        method = .other
        gate = FieldGate()
        seen = []
        methodBytes.removeAll(keepingCapacity: true)
        path.removeAll(keepingCapacity: true)
        authority.removeAll(keepingCapacity: true)
        host.removeAll(keepingCapacity: true)
        hasHost = false
        cookie.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
        length = nil
    }

    /// Takes one field, in the order in which it came.
    ///
    /// **Errors**: `headTooLarge` and `tooManyFields` for a request that is well-formed but too
    /// large; every other code says that it is malformed.
    package mutating func add(
        _ name: RawSpan, _ value: RawSpan, limits: HeadLimits
    ) throws(Violation) {
        if try gate.admit(name, value, limits: limits) {
            try addPseudo(name, value)
            return
        }
        let known = FieldName.recognised(name, ByteRange(0, name.byteCount))
        try FieldGate.checkHop(known)
        switch known {
        case .te:
            // RFC 9113 section 8.2.2 allows this one value.
            guard value.equalsIgnoringCase("trailers") else {
                throw Violation(.connectionField, at: 0)
            }
        case .host:
            if hasHost { throw Violation(.duplicateHost, at: 0) }
            hasHost = true
            host.append(value)
            return
        case .cookie:
            // RFC 9113 section 8.2.3: a split cookie is put together again.
            if !cookie.isEmpty { cookie.append("; ") }
            cookie.append(value)
            return
        case .contentLength:
            guard length == nil else { throw Violation(.repeatedContentLength, at: 0) }
            guard let number = value.decimal else { throw Violation(.badContentLength, at: 0) }
            length = UInt64(number)
            return
        default: break
        }
        lines.append(name)
        lines.append(": ")
        lines.append(value)
        HeadWriter.appendEnd(to: &lines)
    }

    /// Says that the body is `count` bytes long, which all are there.
    ///
    /// **Errors**: `badContentLength` when a field says otherwise.
    package mutating func announce(_ count: Int) throws(Violation) {
        if let length, length != UInt64(count) { throw Violation(.badContentLength, at: 0) }
        length = UInt64(count)
    }

    /// Appends the head to `out`, and answers how its body is framed there.
    ///
    /// **Shape**: `hasBody` says whether more than the fields comes. A body of unknown length is
    /// announced as chunked.
    /// **Errors**: pseudo-fields that lack or contradict each other, and a length that does not
    /// fit `hasBody`.
    package mutating func finish(
        hasBody: Bool, into out: inout [UInt8]
    ) throws(Violation) -> BodyFraming {
        try settleAuthority()
        if !hasBody, length ?? 0 > 0 { throw Violation(.badContentLength, at: 0) }
        out.append(contentsOf: methodBytes)
        out.append(HTTPByte.space)
        out.append(contentsOf: method == .connect ? authority : path)
        out.append(" HTTP/1.1\r\nhost: ")
        out.append(contentsOf: authority)
        HeadWriter.appendEnd(to: &out)
        out.append(contentsOf: lines)
        if !cookie.isEmpty {
            out.append("cookie: ")
            out.append(contentsOf: cookie)
            HeadWriter.appendEnd(to: &out)
        }
        let framing: BodyFraming = length.map { .length($0) } ?? (hasBody ? .chunked : .none)
        HeadWriter.appendFraming(framing, to: &out)
        HeadWriter.appendEnd(to: &out)
        return framing
    }

    private mutating func addPseudo(_ name: RawSpan, _ value: RawSpan) throws(Violation) {
        let part: Pseudo
        if name.equals(":method") {
            part = .method
            guard value.isToken(from: 0, to: value.byteCount) else {
                throw Violation(.badPseudoField, at: 0)
            }
            methodBytes.append(value)
            for known in HTTPMethod.allCases where known != .other && value.equals(known.text) {
                method = known
            }
        } else if name.equals(":path") {
            part = .path
            try Self.checkPath(value)
            path.append(value)
        } else if name.equals(":authority") {
            part = .authority
            authority.append(value)
        } else if name.equals(":scheme") {
            part = .scheme
            guard value.equals("http") || value.equals("https") else {
                throw Violation(.badPseudoField, at: 0)
            }
        } else {
            throw Violation(.badPseudoField, at: 0)
        }
        guard !seen.contains(part) else { throw Violation(.badPseudoField, at: 0) }
        seen.insert(part)
    }

    /// A path is absolute or an asterisk, and of visible ASCII without a fragment.
    private static func checkPath(_ value: RawSpan) throws(Violation) {
        guard value.byteCount > 0 else { throw Violation(.badTarget, at: 0) }
        let first = value.headByte(0)
        let isAsterisk = first == UInt8(ascii: "*") && value.byteCount == 1
        guard first == UInt8(ascii: "/") || isAsterisk else { throw Violation(.badTarget, at: 0) }
        for i in 0..<value.byteCount {
            let byte = value.headByte(i)
            guard byte > HTTPByte.space, byte < 0x7F, byte != UInt8(ascii: "#") else {
                throw Violation(.badTarget, at: i)
            }
        }
    }

    /// Finds out which host is meant, and whether the pseudo-fields fit the method.
    private mutating func settleAuthority() throws(Violation) {
        guard seen.contains(.method) else { throw Violation(.badPseudoField, at: 0) }
        if method == .connect {
            // RFC 9113 section 8.5.
            guard seen == [.method, .authority] else { throw Violation(.badPseudoField, at: 0) }
        } else {
            guard seen.contains([.scheme, .path]) else { throw Violation(.badPseudoField, at: 0) }
            if path.first == UInt8(ascii: "*"), method != .options {
                throw Violation(.badTarget, at: 0)
            }
        }
        if !seen.contains(.authority) {
            guard hasHost else { throw Violation(.missingHost, at: 0) }
            authority.append(contentsOf: host)
        } else if hasHost, host != authority {
            // Two hosts that differ are two requests, told apart by who reads which.
            throw Violation(.badHost, at: 0)
        }
        let span = unsafe authority.span.bytes
        guard Authority.hostEnd(span, ByteRange(0, authority.count)) != nil else {
            throw Violation(.badHost, at: 0)
        }
    }
}
