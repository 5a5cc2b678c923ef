// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A `Secret`: names with values that nothing shows.
package struct SecretResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// Its values, sorted by name; of one in `data` and in `stringData` the latter.
    package var entries: [Entry]
    /// Where values stand that are not base64.
    package var malformed: [Place]

    /// One value.
    package struct Entry: Hashable, Sendable {
        /// The name.
        package var key: String
        /// The value.
        package var value: Secret<[UInt8]>
    }

    init(metadata: Metadata, root: Cursor) {
        self.metadata = metadata
        var found: [Entry] = []
        var malformed: [Place] = []
        for (field, isCoded) in [("stringData", false), ("data", true)] {
            guard let cursor = root[field], case .map(let entries) = cursor.tree.content else {
                continue
            }
            for entry in entries where !found.contains(where: { $0.key == entry.key }) {
                guard let text = entry.value.text else { continue }
                guard let value = isCoded ? Base64.decode(text) : Array(text.utf8) else {
                    malformed.append(
                        Place(
                            file: cursor.file, line: entry.value.line,
                            column: entry.value.column, field: "\(field).\(entry.key)"))
                    continue
                }
                found.append(Entry(key: entry.key, value: Secret(value)))
            }
        }
        entries = found.sorted { $0.key < $1.key }
        self.malformed = malformed
    }
}

/// Base64 with padding, as RFC 4648 section 4 has it; line breaks are passed over.
enum Base64 {
    /// The bytes that `text` stands for, or nil.
    static func decode(_ text: String) -> [UInt8]? {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard digits.count % 4 == 0 else { return nil }
        let plain = digits.prefix { $0 != UInt8(ascii: "=") }
        guard digits.count - plain.count <= 2,
            digits.dropFirst(plain.count).allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return nil }
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for byte in plain {
            guard let digit = digit(byte) else { return nil }
            bits = bits << 6 | UInt32(digit)
            count += 6
            if count >= 8 {
                count -= 8
                out.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return out
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
