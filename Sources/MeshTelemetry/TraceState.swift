// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Judges the `tracestate` of a caller: we add nothing to it, so a valid one passes as it came
/// and one that is not is dropped.
///
/// **Source**: W3C Trace Context Level 2, §3.3.1.
package enum TraceState {
    /// Count of members in one header line, or nil when the line is not valid.
    ///
    /// **Shape**: lines of one message count together; their sum may be at most
    /// `Limits.traceStateMembers`. Empty members are allowed and not counted. A key twice in one
    /// line is not valid.
    package static func memberCount(in line: RawSpan) -> Int? {
        var keys: [ByteRange] = []
        var start = 0
        while start <= line.byteCount {
            let end = line.firstIndex(of: UInt8(ascii: ","), from: start) ?? line.byteCount
            let member = trimmed(line, start, end)
            if !member.isEmpty {
                guard let key = key(of: member, in: line), keys.count < Limits.traceStateMembers
                else { return nil }
                for other in keys where other.count == key.count {
                    if line.extracting(other.range).equals(line.extracting(key.range)) {
                        return nil
                    }
                }
                keys.append(key)
            }
            start = end + 1
        }
        return keys.count
    }

    /// The member without the optional white space around it.
    private static func trimmed(_ line: RawSpan, _ start: Int, _ end: Int) -> ByteRange {
        var (start, end) = (start, end)
        while start < end, isSpace(line[start]) { start += 1 }
        while end > start, isSpace(line[end - 1]) { end -= 1 }
        return ByteRange(start, end)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The key of a member whose key and value are both valid.
    private static func key(of member: ByteRange, in line: RawSpan) -> ByteRange? {
        let found = line.firstIndex(of: UInt8(ascii: "="), from: member.start)
        guard let equals = found, equals < member.end else { return nil }
        let key = ByteRange(member.start, equals)
        guard isKey(key, in: line), isValue(ByteRange(equals + 1, member.end), in: line) else {
            return nil
        }
        return key
    }

    /// `key = (a-z / 0-9) 0*255(a-z / 0-9 / "_" / "-" / "*" / "/" / "@")`.
    private static func isKey(_ key: ByteRange, in line: RawSpan) -> Bool {
        guard key.count >= 1, key.count <= 256, isKeyStart(line[key.start]) else { return false }
        for i in key.range where !isKeyStart(line[i]) {
            switch line[i] {
            case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"),
                UInt8(ascii: "@"):
                continue
            default: return false
            }
        }
        return true
    }

    private static func isKeyStart(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "a") < 26 || ASCII.isDigit(byte)
    }

    /// 1 to 256 printable ASCII characters without `,` and `=`. A space at the end cannot be
    /// told from optional white space and was taken away as such.
    private static func isValue(_ value: ByteRange, in line: RawSpan) -> Bool {
        guard value.count >= 1, value.count <= 256 else { return false }
        for i in value.range {
            let byte = line[i]
            if byte < 0x20 || byte > 0x7E || byte == UInt8(ascii: "=") { return false }
        }
        return true
    }
}
