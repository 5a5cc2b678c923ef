// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

/// Vectors from hashes: the same text has the same vector, texts that share words are nearer.
enum Embedding {
    /// The inputs of an embedding request, read into tokens.
    ///
    /// **Errors**: 400 when there is none, too many, or one of another kind.
    static func inputs(of body: JSON) throws(OpenAIError) -> [[UInt32]] {
        switch body["input"] {
        case .string(let text): return [Tokenizer.tokens(of: text)]
        case .array(let parts) where !parts.isEmpty && parts.count <= Limits.inputsMax:
            let numbers = parts.compactMap(\.whole)
            if numbers.count == parts.count {
                return [numbers.map { UInt32(truncatingIfNeeded: $0) }]
            }
            let texts = parts.compactMap(\.text)
            if texts.count == parts.count { return texts.map(Tokenizer.tokens(of:)) }
            let lists = parts.compactMap { $0.elements?.compactMap(\.whole) }
            if lists.count == parts.count {
                return lists.map { $0.map { UInt32(truncatingIfNeeded: $0) } }
            }
        default: break
        }
        throw .invalid("`input` must be a string or a list of 1 to 2048 inputs", "input")
    }

    /// A vector of length 1: the sum of a pseudo-random vector for each token.
    static func vector(of tokens: [UInt32], dimensions: Int, salt: UInt64) -> [Float] {
        var sum = [Float](repeating: 0, count: dimensions)
        for token in tokens.isEmpty ? [0] : tokens {
            var random = SplitMix64(seed: salt ^ StableHash.mix(UInt64(token) &+ 1))
            for place in sum.indices { sum[place] += Float(random.fraction()) * 2 - 1 }
        }
        let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0 else { return sum }
        return sum.map { $0 / length }
    }

    /// The vector as little-endian 32-bit floats in base 64, as the official clients ask for it.
    static func base64(_ vector: [Float]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(vector.count * 4)
        for value in vector {
            let bits = value.bitPattern
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
            }
        }
        return base64(bytes)
    }

    /// Base 64 with padding, RFC 4648 section 4.
    static func base64(_ bytes: [UInt8]) -> String {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        let alphabet = Array((letters + "0123456789+/").utf8)
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<Swift.min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let isPadding = place > group.count
                let index = Int(bits >> UInt32(18 - 6 * place) & 63)
                out.append(isPadding ? UInt8(ascii: "=") : alphabet[index])
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// How much of the query's words `text` has, 0 to 1.
    static func relevance(of text: String, to query: String) -> Double {
        func words(_ text: String) -> [Substring] {
            text.split { !$0.isLetter && !$0.isNumber }
        }
        let wanted = words(query.lowercased())
        guard !wanted.isEmpty else { return 0 }
        let present = Set(words(text.lowercased()))
        let found = wanted.filter(present.contains).count
        // A little from the text itself, so that equal counts still have an order.
        let rest = Double(StableHash.of(utf8: text) % 1000) / 100_000
        return Double(found) / Double(wanted.count) * 0.99 + rest
    }
}
