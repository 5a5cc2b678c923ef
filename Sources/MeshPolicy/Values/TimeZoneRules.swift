// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// When the clocks of a region changed, and to what.
///
/// The room reads no files: whoever makes an `Environment` gives it the zones that expressions
/// may name, parsed from the system's time zone database.
package struct TimeZoneRules: Hashable, Sendable {
    /// The seconds since the epoch at which the offset changes, ascending.
    private let changes: [Int64]
    /// The offset from UTC in seconds from each change on.
    private let offsets: [Int32]
    /// The offset before the first change.
    private let first: Int32

    /// The rules in `bytes`, a compiled time zone file, or nil when they are none.
    ///
    /// Times behind the last change of the file keep its offset.
    ///
    /// **Source** RFC 9636, version 2 and later.
    package init?(tzif bytes: [UInt8]) {
        var reader = TZifReader(bytes)
        guard let old = reader.header() else { return nil }
        reader.skip(old.length(timeWidth: 4))
        guard let header = reader.header(), header.typeCount > 0,
            reader.has(header.length(timeWidth: 8))
        else { return nil }
        var changes: [Int64] = []
        for _ in 0..<header.timeCount { changes.append(reader.integer(8)) }
        var indices: [Int] = []
        for _ in 0..<header.timeCount { indices.append(Int(reader.integer(1) & 0xFF)) }
        var types: [Int32] = []
        for _ in 0..<header.typeCount {
            types.append(Int32(truncatingIfNeeded: reader.integer(4)))
            reader.skip(2)
        }
        guard indices.allSatisfy({ $0 < types.count }), changes == changes.sorted() else {
            return nil
        }
        self.changes = changes
        offsets = indices.map { types[$0] }
        first = types[0]
    }

    /// The offset from UTC at `seconds` since the epoch.
    func offset(at seconds: Int64) -> Int64 {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= seconds { low = middle + 1 } else { high = middle }
        }
        return Int64(low == 0 ? first : offsets[low - 1])
    }
}

private struct TZifReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    struct Header {
        var utcCount: Int
        var standardCount: Int
        var leapCount: Int
        var timeCount: Int
        var typeCount: Int
        var nameCount: Int

        func length(timeWidth: Int) -> Int {
            timeCount * (timeWidth + 1) + typeCount * 6 + nameCount
                + leapCount * (timeWidth + 4) + standardCount + utcCount
        }
    }

    func has(_ count: Int) -> Bool { index + count <= bytes.count }

    mutating func skip(_ count: Int) { index += count }

    mutating func integer(_ width: Int) -> Int64 {
        var value: Int64 = width < 8 && has(1) && bytes[index] >= 0x80 ? -1 : 0
        for _ in 0..<width where has(1) {
            value = value << 8 | Int64(bytes[index])
            index += 1
        }
        return value
    }

    mutating func header() -> Header? {
        guard has(44), bytes[index...].starts(with: "TZif".utf8) else { return nil }
        index += 20
        let counts = (0..<6).map { _ in Int(integer(4)) }
        guard counts.allSatisfy({ (0...100_000).contains($0) }) else { return nil }
        return Header(
            utcCount: counts[0], standardCount: counts[1], leapCount: counts[2],
            timeCount: counts[3], typeCount: counts[4], nameCount: counts[5])
    }
}
