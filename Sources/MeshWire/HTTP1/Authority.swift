// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Checks of `host [":" port]`, as it stands in Host, in absolute-form and in authority-form.
/// **Source**: RFC 3986 section 3.2, RFC 9110 section 7.2.
enum Authority {
    /// Offset behind the host (the colon before the port, or the end), or nil when `range` is
    /// not an authority that may be trusted for routing.
    ///
    /// Refused although RFC 3986 has them: user information, zone identifiers, future IP
    /// literals, and commas, which are how two Host fields look when joined.
    static func hostEnd(_ bytes: RawSpan, _ range: ByteRange) -> Int? {
        guard range.end <= bytes.byteCount, !range.isEmpty else { return nil }
        var at = range.start
        if bytes.headByte(at) == UInt8(ascii: "[") {
            let close = bytes.firstByte(UInt8(ascii: "]"), from: at, to: range.end)
            guard close < range.end, isIPv6(bytes, from: at + 1, to: close) else { return nil }
            at = close + 1
        } else {
            at = registeredNameEnd(bytes, range)
            guard at > range.start else { return nil }
        }
        return isPort(bytes, from: at, to: range.end) ? at : nil
    }

    /// Offset of the first byte that may not stand in a registered name.
    private static func registeredNameEnd(_ bytes: RawSpan, _ range: ByteRange) -> Int {
        let end = range.end
        var at = range.start
        while at < end {
            let byte = bytes.headByte(at)
            if isNameByte(byte) {
                at &+= 1
                continue
            }
            guard byte == UInt8(ascii: "%"), at &+ 2 < end,
                ASCII.hexValue(bytes.headByte(at &+ 1)) != nil,
                ASCII.hexValue(bytes.headByte(at &+ 2)) != nil
            else { return at }
            at &+= 3
        }
        return at
    }

    /// Letters, digits and "!$&'()*+;=-._~": what RFC 3986 allows, but the comma.
    @inline(__always)
    private static func isNameByte(_ byte: UInt8) -> Bool {
        let low: UInt64 = 0x2bff_6fd2_0000_0000
        let high: UInt64 = 0x47ff_fffe_87ff_fffe
        let word = byte & 0x40 == 0 ? low : high
        return (word &>> UInt64(byte & 63)) & (UInt64(byte &>> 7) ^ 1) != 0
    }

    /// Nothing, or a colon with up to five digits that are at most 65,535.
    private static func isPort(_ bytes: RawSpan, from: Int, to end: Int) -> Bool {
        if from == end { return true }
        guard bytes.headByte(from) == UInt8(ascii: ":"), end - from <= 6 else { return false }
        var port = 0
        for i in (from + 1)..<end {
            guard ASCII.isDigit(bytes.headByte(i)) else { return false }
            port = port * 10 + Int(bytes.headByte(i) - UInt8(ascii: "0"))
        }
        return port <= 65_535
    }

    /// Eight groups of hexadecimal digits, one `::` for missing ones, maybe IPv4 at the end.
    private static func isIPv6(_ bytes: RawSpan, from: Int, to end: Int) -> Bool {
        guard end - from >= 2 else { return false }
        var at = from
        var groups = 0
        var isCompressed = false
        if bytes.headByte(at) == UInt8(ascii: ":") {
            guard bytes.headByte(at + 1) == UInt8(ascii: ":") else { return false }
            isCompressed = true
            at += 2
        }
        while at < end {
            let start = at
            while at < end, ASCII.hexValue(bytes.headByte(at)) != nil { at += 1 }
            if at < end, bytes.headByte(at) == UInt8(ascii: ".") {
                guard isIPv4(bytes, from: start, to: end) else { return false }
                groups += 2
                at = end
                break
            }
            guard at > start, at - start <= 4 else { return false }
            groups += 1
            if at == end { break }
            guard bytes.headByte(at) == UInt8(ascii: ":"), at + 1 < end else { return false }
            at += 1
            if bytes.headByte(at) == UInt8(ascii: ":") {
                if isCompressed { return false }
                isCompressed = true
                at += 1
            }
        }
        return isCompressed ? groups < 8 : groups == 8
    }

    /// Four decimal numbers up to 255 without leading zeros.
    private static func isIPv4(_ bytes: RawSpan, from: Int, to end: Int) -> Bool {
        var parts = 0
        var at = from
        while at < end {
            let start = at
            var value = 0
            while at < end, at - start < 4, ASCII.isDigit(bytes.headByte(at)) {
                value = value * 10 + Int(bytes.headByte(at) - UInt8(ascii: "0"))
                at += 1
            }
            guard at > start, value <= 255 else { return false }
            if at - start > 1, bytes.headByte(start) == UInt8(ascii: "0") { return false }
            parts += 1
            if at == end { break }
            guard bytes.headByte(at) == UInt8(ascii: "."), at + 1 < end else { return false }
            at += 1
        }
        return parts == 4
    }
}
