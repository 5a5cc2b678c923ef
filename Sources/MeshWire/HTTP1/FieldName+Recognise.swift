// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The bytes of a field name as lower-case words, ready to be compared with literals.
///
/// Setting bit 5 folds the letters exactly; the other byte it could confuse, `\r` with `-` and
/// the control bytes 0x10-0x19 with digits, cannot occur in a line that was scanned for controls.
private struct NameWords {
    /// The first eight bytes, zero behind the end of a shorter name.
    var first: UInt64
    /// Bytes 8 to 15 of a name of 16 bytes or more, else zero.
    var second: UInt64 = 0
    /// The last eight bytes of a name of eight bytes or more, else zero.
    var last: UInt64 = 0

    private static let fold: UInt64 = 0x2020_2020_2020_2020

    /// The words of `length` bytes from `start` on; the caller proves that they are in bounds.
    @inline(__always)
    init(_ bytes: RawSpan, _ start: Int, _ length: Int) {
        if length >= 8 {
            first = bytes.headWord(start) | Self.fold
            last = bytes.headWord(start &+ length &- 8) | Self.fold
            if length >= 16 { second = bytes.headWord(start &+ 8) | Self.fold }
            return
        }
        let mask = (1 as UInt64) &<< UInt64(truncatingIfNeeded: length &* 8) &- 1
        if start &+ 8 <= bytes.byteCount {
            first = (bytes.headWord(start) | Self.fold) & mask
            return
        }
        var word: UInt64 = 0
        var i = length
        while i > 0 {
            i &-= 1
            word = word &<< 8 | UInt64(bytes.headByte(start &+ i))
        }
        first = (word | Self.fold) & mask
    }

    /// Whether the name is `text`, whose length the caller has compared already.
    @inline(__always)
    func match(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        if count < 8 { return first == Self.word(text, 0, count) }
        return first == Self.word(text, 0, 8) && last == Self.word(text, count &- 8, 8)
            && (count < 16 || second == Self.word(text, 8, 8))
    }

    /// `count` bytes of a literal; the compiler folds this into a constant.
    @inline(__always)
    private static func word(_ text: StaticString, _ start: Int, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        var i = count
        while i > 0 {
            i &-= 1
            word = word &<< 8 | (unsafe UInt64(text.utf8Start[start &+ i]))
        }
        return word
    }
}

extension FieldName {
    /// The length of the longest known name.
    static var lengthMax: Int { 23 }

    /// The known name spelled by `range` of `bytes` in any case, or `.other`.
    package static func recognised(_ bytes: RawSpan, _ range: ByteRange) -> FieldName {
        guard range.end <= bytes.byteCount else { return .other }
        return recognised(bytes, range.start, range.count)
    }

    /// The known name of `length` bytes at `start`, or `.other`; the caller proves the bounds.
    @inline(__always)
    static func recognised(_ bytes: RawSpan, _ start: Int, _ length: Int) -> FieldName {
        guard length >= 2, length <= lengthMax else { return .other }
        let name = NameWords(bytes, start, length)
        switch length {
        case 2: return name.match("te") ? .te : .other
        case 3: return name.match("via") ? .via : .other
        case 4: return four(name)
        case 6: return six(name)
        case 7: return seven(name)
        case 8:
            if name.match("location") { return .location }
            return name.match("priority") ? .priority : .other
        case 9: return nine(name)
        case 10: return ten(name)
        case 11: return eleven(name)
        case 12: return twelve(name)
        case 13: return thirteen(name)
        case 14: return fourteen(name)
        case 15: return fifteen(name)
        case 16: return sixteen(name)
        case 17: return seventeen(name)
        case 18: return name.match("proxy-authenticate") ? .proxyAuthenticate : .other
        case 19: return name.match("proxy-authorization") ? .proxyAuthorization : .other
        case 20: return name.match("mcp-protocol-version") ? .mcpProtocolVersion : .other
        case 23: return name.match("x-forwarded-client-cert") ? .xForwardedClientCert : .other
        default: return .other
        }
    }

    @inline(__always)
    private static func four(_ name: NameWords) -> FieldName {
        if name.match("host") { return .host }
        if name.match("date") { return .date }
        if name.match("vary") { return .vary }
        return name.match("etag") ? .etag : .other
    }

    @inline(__always)
    private static func six(_ name: NameWords) -> FieldName {
        if name.match("accept") { return .accept }
        if name.match("cookie") { return .cookie }
        if name.match("server") { return .server }
        if name.match("origin") { return .origin }
        return name.match("expect") ? .expect : .other
    }

    @inline(__always)
    private static func seven(_ name: NameWords) -> FieldName {
        if name.match("upgrade") { return .upgrade }
        if name.match("trailer") { return .trailer }
        if name.match("api-key") { return .apiKey }
        return name.match("baggage") ? .baggage : .other
    }

    @inline(__always)
    private static func nine(_ name: NameWords) -> FieldName {
        if name.match("x-api-key") { return .xAPIKey }
        if name.match("x-real-ip") { return .xRealIP }
        return name.match("forwarded") ? .forwarded : .other
    }

    @inline(__always)
    private static func ten(_ name: NameWords) -> FieldName {
        if name.match("connection") { return .connection }
        if name.match("user-agent") { return .userAgent }
        if name.match("keep-alive") { return .keepAlive }
        if name.match("set-cookie") { return .setCookie }
        return name.match("tracestate") ? .tracestate : .other
    }

    @inline(__always)
    private static func eleven(_ name: NameWords) -> FieldName {
        if name.match("traceparent") { return .traceparent }
        if name.match("retry-after") { return .retryAfter }
        return name.match("grpc-status") ? .grpcStatus : .other
    }

    @inline(__always)
    private static func twelve(_ name: NameWords) -> FieldName {
        if name.match("content-type") { return .contentType }
        if name.match("x-request-id") { return .xRequestID }
        return name.match("grpc-timeout") ? .grpcTimeout : .other
    }

    @inline(__always)
    private static func thirteen(_ name: NameWords) -> FieldName {
        if name.match("authorization") { return .authorization }
        if name.match("cache-control") { return .cacheControl }
        return name.match("last-event-id") ? .lastEventID : .other
    }

    @inline(__always)
    private static func fourteen(_ name: NameWords) -> FieldName {
        if name.match("content-length") { return .contentLength }
        if name.match("mcp-session-id") { return .mcpSessionID }
        return name.match("http2-settings") ? .http2Settings : .other
    }

    @inline(__always)
    private static func fifteen(_ name: NameWords) -> FieldName {
        if name.match("accept-encoding") { return .acceptEncoding }
        if name.match("x-forwarded-for") { return .xForwardedFor }
        if name.match("accept-language") { return .acceptLanguage }
        return name.match("idempotency-key") ? .idempotencyKey : .other
    }

    @inline(__always)
    private static func sixteen(_ name: NameWords) -> FieldName {
        if name.match("content-encoding") { return .contentEncoding }
        if name.match("x-forwarded-host") { return .xForwardedHost }
        if name.match("x-forwarded-port") { return .xForwardedPort }
        if name.match("www-authenticate") { return .wwwAuthenticate }
        return name.match("proxy-connection") ? .proxyConnection : .other
    }

    @inline(__always)
    private static func seventeen(_ name: NameWords) -> FieldName {
        if name.match("transfer-encoding") { return .transferEncoding }
        if name.match("x-forwarded-proto") { return .xForwardedProto }
        return name.match("anthropic-version") ? .anthropicVersion : .other
    }
}
