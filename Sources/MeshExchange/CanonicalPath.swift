// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The one spelling of a path that routing, policy and the upstream all see.
///
/// Percent-escapes of unreserved characters are decoded, the others' digits put in upper case,
/// `.` and `..` segments and empty segments removed. What two servers are known to read
/// differently is refused: escaped `/`, `\` and NUL, raw `\`, bad escapes, `;`, characters in more
/// bytes than they need, escapes of escapes that turn into any of these, and a `..` above the root.
///
/// **Source** RFC 3986 §6.2.2; the list of refusals follows what proxies were attacked with. Some
/// servers cut a segment at `;` (section 3.3 calls that application-specific), so that a rule about
/// `/admin` would not see `/admin;x`; some decode twice, or take `%c0%ae` for a dot.
package enum CanonicalPath {
    /// Whether `path` already has its canonical spelling, which nearly every path has. May
    /// answer false for a path that has; never answers true for one that has not.
    package static func isCanonical(_ path: RawSpan) -> Bool {
        guard path.byteCount > 0, path[0] == slash else { return false }
        var previous: UInt8 = 0
        for i in 0..<path.byteCount {
            let byte = path[i]
            if byte == percent || byte == backslash || byte == semicolon { return false }
            if previous == slash, byte == slash || byte == dot { return false }
            previous = byte
        }
        return true
    }

    /// The canonical spelling of `path`, or nil when it must be refused.
    ///
    /// **Shape** `path` begins with `/` and has no query.
    package static func canonical(_ path: RawSpan) -> [UInt8]? {
        guard path.byteCount > 0, path[0] == slash, let decoded = decode(path) else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(decoded.count)
        var starts: [Int] = []
        var i = 1
        while true {
            var end = i
            while end < decoded.count, decoded[end] != slash { end += 1 }
            let isLast = end >= decoded.count
            let segment = decoded[min(i, decoded.count)..<end]
            switch kind(segment) {
            case .empty: if isLast { out.append(slash) }
            case .current: if isLast { out.append(slash) }
            case .parent:
                guard let start = starts.popLast() else { return nil }
                out.removeSubrange(start...)
                if isLast { out.append(slash) }
            case .name:
                starts.append(out.count)
                out.append(slash)
                out.append(contentsOf: segment)
            }
            if isLast { break }
            i = end + 1
        }
        return out.isEmpty ? [slash] : out
    }

    private enum Segment { case empty, current, parent, name }

    private static func kind(_ segment: ArraySlice<UInt8>) -> Segment {
        if segment.isEmpty { return .empty }
        if segment.elementsEqual([dot]) { return .current }
        return segment.elementsEqual([dot, dot]) ? .parent : .name
    }

    private static func decode(_ path: RawSpan) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(path.byteCount)
        var i = 0
        while i < path.byteCount {
            let byte = path[i]
            if byte == backslash || byte == semicolon { return nil }
            guard byte == percent else {
                out.append(byte)
                i += 1
                continue
            }
            guard let value = escaped(path, at: i + 1) else { return nil }
            if isDivisive(value) || isOverlong(value, path, behind: i + 3) { return nil }
            if value == percent, let inner = escaped(path, at: i + 3),
                isDivisive(inner) || inner == dot || inner == semicolon || inner == percent
            {
                return nil
            }
            if isUnreserved(value) {
                out.append(value)
            } else {
                out.append(percent)
                out.append(upperHex(value >> 4))
                out.append(upperHex(value & 15))
            }
            i += 3
        }
        return out
    }

    /// Whether some server may take a segment, or the path, to end there.
    private static func isDivisive(_ byte: UInt8) -> Bool {
        byte == slash || byte == backslash || byte == 0
    }

    /// Whether `first` begins a character of UTF-8 in more bytes than it needs, which no strict
    /// reader accepts and lax ones decode (RFC 3629 section 10).
    private static func isOverlong(_ first: UInt8, _ path: RawSpan, behind offset: Int) -> Bool {
        switch first {
        case 0xC0, 0xC1: return true
        case 0xE0, 0xF0:
            guard offset < path.byteCount else { return false }
            let next =
                path[offset] == percent
                ? escaped(path, at: offset + 1) : path[offset]
            return next.map { $0 < (first == 0xE0 ? 0xA0 : 0x90) } ?? false
        default: return false
        }
    }

    /// The byte that the two digits at `offset` stand for, or nil.
    private static func escaped(_ path: RawSpan, at offset: Int) -> UInt8? {
        guard offset + 1 < path.byteCount, let high = ASCII.hexValue(path[offset]),
            let low = ASCII.hexValue(path[offset + 1])
        else { return nil }
        return high << 4 | low
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return ASCII.isDigit(byte) || lower &- UInt8(ascii: "a") < 26 || byte == dot
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }

    private static func upperHex(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    private static var slash: UInt8 { UInt8(ascii: "/") }
    private static var backslash: UInt8 { UInt8(ascii: "\\") }
    private static var percent: UInt8 { UInt8(ascii: "%") }
    private static var dot: UInt8 { UInt8(ascii: ".") }
    private static var semicolon: UInt8 { UInt8(ascii: ";") }
}
