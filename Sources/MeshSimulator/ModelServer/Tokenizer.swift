// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Cuts text into pieces of about four bytes, the same way every time.
///
/// The pieces resemble those of a real vocabulary: a word takes its leading space with it, long
/// words are cut, punctuation stands alone, a code point is never split. Joined together they
/// are the text again.
package enum Tokenizer {
    /// The most bytes in a piece, unless one code point is longer.
    package static let pieceBytesMax = 6
    /// Token numbers are below this.
    package static let vocabulary: UInt64 = 128_000

    /// The ranges of the pieces of `bytes`, in order and without gaps.
    package static func ranges(of bytes: [UInt8]) -> [ByteRange] {
        var ranges: [ByteRange] = []
        ranges.reserveCapacity(bytes.count / 4 + 1)
        var start = 0
        var i = 1
        while i < bytes.count {
            if begins(at: i, in: bytes, pieceStart: start) {
                ranges.append(ByteRange(start, i))
                start = i
            }
            i += 1
        }
        if start < bytes.count { ranges.append(ByteRange(start, bytes.count)) }
        return ranges
    }

    /// The pieces of `text`.
    package static func pieces(of text: String) -> [String] {
        let bytes = Array(text.utf8)
        return ranges(of: bytes).map { String(decoding: bytes[$0.range], as: UTF8.self) }
    }

    /// The token numbers of `text`.
    package static func tokens(of text: String) -> [UInt32] {
        let bytes = Array(text.utf8)
        let span = unsafe bytes.span.bytes
        return ranges(of: bytes).map { range in
            UInt32(StableHash.of(span.extracting(range.range)) % vocabulary)
        }
    }

    /// The number of one piece, as `tokens(of:)` gives it where the piece occurs in a text.
    package static func token(of piece: String) -> UInt32 {
        UInt32(StableHash.of(utf8: piece) % vocabulary)
    }

    /// The token number that stands for a word of the chat template, such as a role.
    package static func special(_ name: String) -> UInt32 {
        UInt32(vocabulary + StableHash.of(utf8: name) % 256)
    }

    private enum Kind { case space, word, mark }

    private static func kind(_ byte: UInt8) -> Kind {
        switch byte {
        case 0x09, 0x0A, 0x0D, 0x20: .space
        case 0x80...: .word
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            .word
        default: .mark
        }
    }

    private static func begins(at i: Int, in bytes: [UInt8], pieceStart: Int) -> Bool {
        if bytes[i] & 0xC0 == 0x80 { return false }
        if i - pieceStart >= pieceBytesMax { return true }
        switch (kind(bytes[i - 1]), kind(bytes[i])) {
        case (.word, .word), (.space, .space), (.space, .word): return false
        case (.mark, _), (_, .mark), (.word, .space): return true
        }
    }
}

/// Names the blocks of a sequence of tokens so that equal names mean equal prefixes.
package enum TokenBlocks {
    /// The hashes of the full blocks of `tokens`, each covering all tokens before it too.
    ///
    /// **Shape**: `salt` keeps apart what must not be shared, such as models.
    package static func hashes(
        of tokens: [UInt32], blockTokens: Int = 16, salt: UInt64 = 0
    ) -> [UInt64] {
        var hashes: [UInt64] = []
        hashes.reserveCapacity(tokens.count / blockTokens)
        let span = unsafe tokens.span.bytes
        var chain = salt
        var block = 0
        while (block + 1) * blockTokens <= tokens.count {
            let width = blockTokens * 4
            let bytes = span.extracting(block * width..<(block + 1) * width)
            chain = StableHash.of(bytes, seed: chain)
            hashes.append(chain)
            block += 1
        }
        return hashes
    }
}
