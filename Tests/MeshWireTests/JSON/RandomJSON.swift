// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Random JSON documents and random damage to them, from a seed.
struct RandomJSON {
    var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// A valid value with at most `depth` further levels.
    mutating func value(depth: Int) -> String {
        switch random.below(depth > 0 ? 8 : 5) {
        case 0: return pick(["true", "false", "null"])
        case 1: return number()
        case 2, 3, 4: return string()
        case 5, 6:
            let members = (0..<random.below(4)).map { _ in
                space() + string() + space() + ":" + space() + value(depth: depth - 1) + space()
            }
            return "{" + members.joined(separator: ",") + "}"
        default:
            let elements = (0..<random.below(4)).map { _ in
                space() + value(depth: depth - 1) + space()
            }
            return "[" + elements.joined(separator: ",") + "]"
        }
    }

    mutating func pick(_ choices: [String]) -> String { choices[random.below(choices.count)] }

    mutating func space() -> String { pick(["", "", "", " ", "\n", "\t \r\n"]) }

    mutating func number() -> String {
        pick(["0", "-0", "7", "42", "-13", "1.5", "-0.25", "1e3", "2E-2", "0.1e+1", "123456789"])
    }

    mutating func string() -> String {
        let parts = [
            "a", "model", "usage", " ", "\\n", "\\\"", "\\\\", "\\u0041", "\\ud83d\\ude00", "é",
            "日本", "😀", "{", "]", ":", ",", "\\/", "'", "0123456789abcdef",
        ]
        return "\"" + (0..<random.below(5)).map { _ in pick(parts) }.joined() + "\""
    }

    /// `bytes` with one to three places changed, removed or doubled.
    mutating func damaged(_ bytes: [UInt8], alphabet: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<1 + random.below(3) where !bytes.isEmpty {
            let place = random.below(bytes.count)
            let byte = alphabet[random.below(alphabet.count)]
            switch random.below(4) {
            case 0: bytes[place] = byte
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(byte, at: place)
            default: bytes.insert(bytes[place], at: place)
            }
        }
        return bytes
    }

    /// `items` in a random order.
    mutating func shuffled<Item>(_ items: [Item]) -> [Item] { items.shuffled(using: &random) }
}
