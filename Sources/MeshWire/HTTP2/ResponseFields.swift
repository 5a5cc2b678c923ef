// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Makes the head of an answer of HTTP/1.1 from the fields of one of HTTP/2.
///
/// As `RequestFields`, for the other direction: what an endpoint sends is looked at as strictly,
/// for callers of HTTP/1.1 are given it. A value that is used again keeps its storage.
/// **Source**: RFC 9113 section 8.3.2.
package struct ResponseFields: Sendable {
    /// 100 to 599, or 0 before `:status` came.
    package private(set) var status = 0

    private var gate = FieldGate()
    private var lines: [UInt8] = []
    private var length: UInt64?
    private var isGRPC = false

    /// Nothing yet.
    package init() {}

    /// Forgets everything but the storage.
    package mutating func reset() {
        status = 0
        gate = FieldGate()
        lines.removeAll(keepingCapacity: true)
        length = nil
        isGRPC = false
    }

    /// Takes one field, in the order in which it came.
    ///
    /// **Errors**: those of a malformed or too large answer, with status 502.
    package mutating func add(
        _ name: RawSpan, _ value: RawSpan, limits: HeadLimits
    ) throws(Violation) {
        do throws(Violation) {
            try take(name, value, limits)
        } catch {
            throw error.ofResponse
        }
    }

    private mutating func take(
        _ name: RawSpan, _ value: RawSpan, _ limits: HeadLimits
    ) throws(Violation) {
        if try gate.admit(name, value, limits: limits) {
            guard name.equals(":status"), status == 0, value.byteCount == 3,
                let number = value.decimal, number >= 100, number < 600, number != 101
            else { throw Violation(.badPseudoField, at: 0) }
            status = number
            return
        }
        let known = FieldName.recognised(name, ByteRange(0, name.byteCount))
        try FieldGate.checkHop(known)
        switch known {
        case .te: throw Violation(.connectionField, at: 0)
        case .contentLength:
            guard length == nil else { throw Violation(.repeatedContentLength, at: 0) }
            guard let number = value.decimal else { throw Violation(.badContentLength, at: 0) }
            length = UInt64(number)
            return
        case .contentType: isGRPC = value.hasPrefix("application/grpc")
        default: break
        }
        lines.append(name)
        lines.append(": ")
        lines.append(value)
        HeadWriter.appendEnd(to: &lines)
    }

    /// Appends the head to `out`, with the framing that HTTP/1.1 needs, and answers that.
    ///
    /// **Shape**: `isLast` says that neither body nor trailers come; `method` is that of the
    /// request. A body of unknown length is announced as chunked, and so is that of gRPC, because
    /// behind it come trailers.
    /// **Errors**: no status, or a length without a body; with status 502.
    package mutating func finish(
        isLast: Bool, to method: HTTPMethod, into out: inout [UInt8]
    ) throws(Violation) -> BodyFraming {
        guard status > 0 else { throw Violation(.badPseudoField, at: 0).ofResponse }
        if status < 200, isLast { throw Violation(.badStatusLine, at: 0).ofResponse }
        HeadWriter.appendStatusLine(status, "", to: &out)
        out.append(contentsOf: lines)
        let framing: BodyFraming
        if status < 200 || status == 204 || status == 304 || method == .head {
            framing = .none
            // How long the body would be.
            if let length, status >= 200, status != 204 {
                HeadWriter.appendFraming(.length(length), to: &out)
            }
        } else if isLast {
            if length ?? 0 > 0 { throw Violation(.badContentLength, at: 0).ofResponse }
            framing = .length(0)
        } else if let length, !isGRPC {
            framing = .length(length)
        } else {
            framing = .chunked
        }
        HeadWriter.appendFraming(framing, to: &out)
        HeadWriter.appendEnd(to: &out)
        return framing
    }
}
