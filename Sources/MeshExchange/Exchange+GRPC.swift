// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// What is known of an exchange that is a call of gRPC.
struct GRPCCall: Sendable {
    /// How long the caller wants to wait, from the beginning.
    var timeout: Nanoseconds?
}

/// Calls of gRPC: HTTP/2 requests whose outcome stands behind the answer's body, in fields of
/// their own. The mesh passes them like any request; it speaks their language where it has
/// something to say itself, and hears what came of them.
///
/// **Source** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
extension Exchange {
    /// Finds out whether the request is a call. All calls say that they take trailers, and hardly
    /// anything else does, so this is asked of those only.
    mutating func readCall(_ head: borrowing RequestHead, _ bytes: RawSpan) {
        guard let type = head.first(.contentType),
            Self.isGRPC(bytes.extracting(type.valueRange.range))
        else { return }
        var call = GRPCCall()
        if let field = head.first(.grpcTimeout) {
            call.timeout = Self.timeout(bytes.extracting(field.valueRange.range))
        }
        grpc = call
        let path = bytes.extracting(head.pathRange.range).text
        tape?.say(.identify, "a gRPC call of \(path)")
    }

    /// `application/grpc`, alone or with a format behind `+`. What is spoken to browsers,
    /// `application/grpc-web`, has its outcome in the body and is plain HTTP.
    private static func isGRPC(_ type: RawSpan) -> Bool {
        let name: StaticString = "application/grpc"
        let count = name.utf8CodeUnitCount
        guard type.byteCount >= count, type.extracting(0..<count).equalsIgnoringCase(name) else {
            return false
        }
        guard type.byteCount > count else { return true }
        let next = type.extracting(count..<(count + 1))
        return next.equals("+") || next.equals(";") || next.equals(" ")
    }

    /// The caller's own limit, `1` to `99999999` of a unit; nil when it is malformed.
    private static func timeout(_ value: RawSpan) -> Nanoseconds? {
        guard value.byteCount >= 2, value.byteCount <= 9,
            let number = value.extracting(0..<(value.byteCount - 1)).decimal
        else { return nil }
        let unit = value.extracting((value.byteCount - 1)..<value.byteCount)
        let amount = Int64(number)
        if unit.equals("n") { return Nanoseconds(amount) }
        if unit.equals("u") { return .microseconds(amount) }
        if unit.equals("m") { return .milliseconds(amount) }
        if unit.equals("S") { return .seconds(amount) }
        if unit.equals("M") { return .seconds(amount * 60) }
        if unit.equals("H") { return .seconds(min(amount, 1_000_000) * 3600) }
        return nil
    }

    /// Bounds the exchange by what its caller is willing to wait.
    mutating func boundByCaller() {
        guard let limit = grpc?.timeout else { return }
        requestDeadline = min(requestDeadline, record.started + limit)
    }

    /// Answers with `refusal` as gRPC says such things: in fields, with an HTTP status of 200.
    mutating func refuseCall(
        _ refusal: Refusal, shard: inout Shard, at now: Instant
    ) -> Step {
        var fields: [UInt8] = []
        appendOutcome(refusal, to: &fields)
        return answer(
            200, type: "application/grpc", fields: fields, body: [], shard: &shard, at: now)
    }

    /// Appends the fields that tell a caller of gRPC what went wrong.
    mutating func appendOutcome(_ refusal: Refusal, to out: inout [UInt8]) {
        let status = refusal.grpcStatus
        record.grpcStatus = status
        out.append("grpc-status: ")
        out.appendDecimal(Int(status))
        out.append("\r\ngrpc-message: ")
        PercentEscapes.appendGRPC(refusal.message, to: &out)
        out.append("\r\n")
        if let wait = refusal.retryAfter {
            out.append("grpc-retry-pushback-ms: ")
            out.appendDecimal(Int(clamping: wait.rawValue / 1_000_000))
            out.append("\r\n")
        }
    }

    /// Fields came behind the answer's body: complete lines.
    package mutating func answerTrailers(_ lines: [UInt8], at now: Instant) {
        guard phase == .relaying, grpc != nil else { return }
        noteProgress(.answerTrailers, at: now)
        let status = Self.status(inTrailers: lines)
        tape?.amend { $0.bytes = status.map { Int($0) } }
        record.grpcStatus = status
        record.bytesOut &+= UInt64(lines.count)
        notedProgress()
    }

    /// In a replay: the outcome that stood behind the answer's body.
    mutating func answerTrailers(status: Int?, at now: Instant) {
        noteProgress(.answerTrailers, at: now)
        record.grpcStatus = status.flatMap { UInt8(exactly: $0) }
        notedProgress()
    }

    private static func status(inTrailers lines: [UInt8]) -> UInt8? {
        let name: StaticString = "grpc-status:"
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let bytes = Array(line)
            let span = unsafe bytes.span.bytes
            let count = name.utf8CodeUnitCount
            guard span.byteCount > count,
                span.extracting(0..<count).equalsIgnoringCase(name)
            else { continue }
            let digits = bytes[count...].filter { ASCII.isDigit($0) }
            return unsafe UInt8(exactly: digits.span.bytes.decimal ?? 256)
        }
        return nil
    }

    /// The status of an answer that consists of its outcome alone, as HTTP would say it; that of
    /// any other as it is.
    mutating func effectiveStatus(_ head: borrowing ResponseHead, _ bytes: RawSpan) -> Int {
        guard grpc != nil, let field = head.first(.grpcStatus) else { return head.status }
        let status = bytes.extracting(field.valueRange.range).decimal.flatMap {
            UInt8(exactly: $0)
        }
        record.grpcStatus = status
        return status.map { Self.httpStatus(ofCall: $0) } ?? head.status
    }

    /// Whether the call failed in a way that says something about the endpoint.
    var isCallFailed: Bool {
        guard let status = record.grpcStatus, grpc != nil else { return false }
        return Self.httpStatus(ofCall: status) >= 500
    }

    /// **Source** google.rpc.Code, the HTTP mapping of each; but what an endpoint says of a
    /// deadline or of a method it does not know is no fault of the endpoint's.
    private static func httpStatus(ofCall status: UInt8) -> Int {
        switch status {
        case 0: 200
        case 1: 499
        case 3, 9, 11, 12: 400
        case 4: 408
        case 5: 404
        case 6, 10: 409
        case 7: 403
        case 8: 429
        case 14: 503
        case 16: 401
        default: 500
        }
    }
}

extension Refusal {
    /// The status of gRPC that says the same.
    ///
    /// **Source** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md where
    /// the refusal says no more than its HTTP status.
    package var grpcStatus: UInt8 {
        switch code {
        case .requestTimeout, .firstByteTimeout, .upstreamTimeout, .streamStalled: return 4
        case .methodNotSupported, .noRoute: return 12
        case .bodyTooLarge, .headTooLarge: return 8
        case .upstreamMalformed: return 13
        case .upstreamUnreachable, .upstreamReset, .streamTruncated, .noBackend: return 14
        default: break
        }
        switch status {
        case 401: return 16
        case 403: return 7
        case 404: return 5
        case 429: return 8
        case 502, 503: return 14
        case 504: return 4
        case 400..<500: return 3
        default: return 13
        }
    }
}

extension PercentEscapes {
    /// Appends `text` as `grpc-message` carries it: what is not visible ASCII, and `%`, escaped.
    static func appendGRPC(_ text: String, to out: inout [UInt8]) {
        for byte in text.utf8 {
            if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "%") {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(upperHex(byte >> 4))
                out.append(upperHex(byte & 15))
            }
        }
    }

    private static func upperHex(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
