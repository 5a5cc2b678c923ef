// SPDX-License-Identifier: Apache-2.0

import Crypto
import MeshBasics

/// The SHA-256 of something, as four words: what a secret is remembered by.
package struct Digest: Sendable, Hashable {
    /// The words, the first bytes first, each big-endian.
    package let words: (UInt64, UInt64, UInt64, UInt64)

    /// The digest of `bytes`, all of them.
    package init(of bytes: RawSpan) {
        var hash = SHA256()
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        self.init(hash.finalize())
    }

    /// The digest of `salt` followed by `bytes`.
    package init(of bytes: RawSpan, salt: [UInt8]) {
        var hash = SHA256()
        hash.update(data: salt)
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        self.init(hash.finalize())
    }

    /// The digest that is written as 64 hexadecimal digits, or nil.
    package init?(hexadecimal text: String) {
        guard let bytes = Hexadecimal.bytes(text), bytes.count == 32 else { return nil }
        var words: [UInt64] = []
        for start in stride(from: 0, to: 32, by: 8) {
            words.append(bytes[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) })
        }
        self.words = (words[0], words[1], words[2], words[3])
    }

    private init(_ digest: SHA256Digest) {
        words = unsafe digest.withUnsafeBytes { bytes in
            func word(_ offset: Int) -> UInt64 {
                unsafe UInt64(
                    bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            return (word(0), word(8), word(16), word(24))
        }
    }

    /// Its 32 bytes.
    package var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    package func equals(_ other: Digest) -> Bool {
        let difference =
            (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
            | (words.3 ^ other.words.3)
        return difference == 0
    }

    package static func == (a: Digest, b: Digest) -> Bool { a.equals(b) }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }

    /// The digest as 64 hexadecimal digits.
    package var hexadecimal: String {
        [words.0, words.1, words.2, words.3].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// Bytes as hexadecimal digits.
enum Hexadecimal {
    /// The bytes that `text` spells in lower case, or nil.
    static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digit(digits[start]), let low = digit(digits[start + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// `bytes` in lower case.
    static func text(_ bytes: [UInt8]) -> String {
        String(
            decoding: bytes.flatMap { [ASCII.hexDigit($0 >> 4), ASCII.hexDigit($0 & 15)] },
            as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
