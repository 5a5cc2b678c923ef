// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The one spelling of a path that routing, policy and the upstream all see.
///
/// Percent-escapes of unreserved characters are decoded, the others' digits put in upper case,
/// `.` and `..` segments and empty segments removed. What two servers are known to read
/// differently is refused: escaped `/`, `\` and NUL, raw `\`, bad escapes, a `..` with path
/// parameters, and a `..` above the root.
///
/// **Source** RFC 3986 §6.2.2; the list of refusals follows what proxies were attacked with.
package enum CanonicalPath {
    /// Whether `path` already has its canonical spelling, which nearly every path has. May
    /// answer false for a path that has; never answers true for one that has not.
    package static func isCanonical(_ path: RawSpan) -> Bool {
        guard path.byteCount > 0, path[0] == slash else { return false }
        var previous: UInt8 = 0
        for i in 0..<path.byteCount {
            let byte = path[i]
            if byte == percent || byte == backslash { return false }
            if previous == slash, byte == slash || byte == dot || byte == semicolon {
                return false
            }
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
            case .ambiguous: return nil
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

    private enum Segment { case empty, current, parent, name, ambiguous }

    private static func kind(_ segment: ArraySlice<UInt8>) -> Segment {
        if segment.isEmpty { return .empty }
        let name = segment.prefix { $0 != semicolon }
        if name.elementsEqual([dot]) { return name.count == segment.count ? .current : .ambiguous }
        if name.elementsEqual([dot, dot]) {
            return name.count == segment.count ? .parent : .ambiguous
        }
        return name.isEmpty ? .ambiguous : .name
    }

    private static func decode(_ path: RawSpan) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(path.byteCount)
        var i = 0
        while i < path.byteCount {
            let byte = path[i]
            if byte == backslash { return nil }
            guard byte == percent else {
                out.append(byte)
                i += 1
                continue
            }
            guard i + 2 < path.byteCount, let high = ASCII.hexValue(path[i + 1]),
                let low = ASCII.hexValue(path[i + 2])
            else { return nil }
            let value = high << 4 | low
            if value == slash || value == backslash || value == 0 { return nil }
            if isUnreserved(value) {
                out.append(value)
            } else {
                out.append(percent)
                out.append(upperHex(high))
                out.append(upperHex(low))
            }
            i += 3
        }
        return out
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
