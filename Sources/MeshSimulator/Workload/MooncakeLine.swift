// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel

/// A line of Mooncake's traces: one JSON object; unknown members are passed over.
///
/// **Source**: https://github.com/kvcache-ai/Mooncake, `FAST25-release/traces`.
enum MooncakeLine {
    /// Tokens of a block that a name stands for.
    static let blockTokens = 512

    static func parse(_ line: ArraySlice<UInt8>) throws(LineFault) -> TraceReader.Row {
        var scan = LineScan(line)
        var time: Double?
        var promptTokens: Int?
        var answerTokens: Int?
        var row = TraceReader.Row(time: 0, promptTokens: 0, answerTokens: 0)
        try scan.expect(UInt8(ascii: "{"), "an object")
        var isFirst = true
        while !scan.skip(UInt8(ascii: "}")) {
            if !isFirst { try scan.expect(UInt8(ascii: ","), "`,` or `}`") }
            isFirst = false
            let name = try scan.name()
            try scan.expect(UInt8(ascii: ":"), "`:`")
            switch name {
            case "timestamp": time = try scan.number(name, 0...31_622_400_000)
            case "input_length": promptTokens = try scan.count(name)
            case "output_length": answerTokens = try scan.count(name)
            case "hash_ids":
                row.prefix = try scan.names(name)
                row.hasPrefix = true
            default: try scan.skipValue()
            }
        }
        try scan.end()
        guard let time, let promptTokens, let answerTokens else {
            let name =
                time == nil
                ? "timestamp" : promptTokens == nil ? "input_length" : "output_length"
            throw LineFault(
                message: "`\(name)` is missing", remedy: "add it, or remove the line")
        }
        row.time = Int64(time * 1_000_000)
        row.promptTokens = promptTokens
        row.answerTokens = answerTokens
        return row
    }
}

/// Reads the little JSON that traces use.
struct LineScan {
    private let bytes: ArraySlice<UInt8>
    private var offset: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = bytes.startIndex
    }

    private mutating func skipBlanks() {
        while offset < bytes.endIndex,
            bytes[offset] == UInt8(ascii: " ") || bytes[offset] == UInt8(ascii: "\t")
        {
            offset += 1
        }
    }

    private func fault(_ expected: String) -> LineFault {
        let found =
            offset < bytes.endIndex
            ? quoted(String(decoding: [bytes[offset]], as: UTF8.self)) : "the end of the line"
        return LineFault(
            message:
                "expected \(expected) at byte \(offset - bytes.startIndex + 1), found \(found)",
            remedy: "write one JSON object on the line, or remove it")
    }

    /// Takes `byte` when it comes next.
    mutating func skip(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard offset < bytes.endIndex, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }

    /// Takes `byte`, which must come next.
    mutating func expect(_ byte: UInt8, _ name: String) throws(LineFault) {
        guard skip(byte) else { throw fault(name) }
    }

    /// Nothing may follow.
    mutating func end() throws(LineFault) {
        skipBlanks()
        guard offset == bytes.endIndex else { throw fault("the end of the line") }
    }

    /// A member's name; escapes are kept as they are written.
    mutating func name() throws(LineFault) -> String {
        skipBlanks()
        let start = offset + 1
        try skipString()
        return String(decoding: bytes[start..<offset - 1].prefix(64), as: UTF8.self)
    }

    private mutating func skipString() throws(LineFault) {
        try expect(UInt8(ascii: "\""), "a string")
        while offset < bytes.endIndex {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return
            case UInt8(ascii: "\\"): offset = Swift.min(offset + 2, bytes.endIndex)
            default: offset += 1
            }
        }
        throw fault("the end of a string")
    }

    /// A number within `range`.
    mutating func number(
        _ name: String, _ range: ClosedRange<Double>
    ) throws(LineFault) -> Double {
        skipBlanks()
        let start = offset
        while offset < bytes.endIndex, Self.isNumeric(bytes[offset]) { offset += 1 }
        let text = String(decoding: bytes[start..<offset].prefix(40), as: UTF8.self)
        guard let value = Double(text) else {
            offset = start
            throw fault("a number as `\(name)`")
        }
        guard range.contains(value) else {
            throw LineFault(
                message: "`\(name)` is \(text)",
                remedy: "write a number from \(Int64(range.lowerBound)) to "
                    + "\(Int64(range.upperBound))")
        }
        return value
    }

    private static func isNumeric(_ byte: UInt8) -> Bool {
        ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            || byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e")
    }

    /// A number of tokens.
    mutating func count(_ name: String) throws(LineFault) -> Int {
        Int(try number(name, 0...Double(WorkloadLimits.tokensMax)))
    }

    /// A list of whole numbers, spread so that neighbours have nothing in common.
    mutating func names(_ name: String) throws(LineFault) -> [UInt64] {
        try expect(UInt8(ascii: "["), "a list as `\(name)`")
        var names: [UInt64] = []
        while !skip(UInt8(ascii: "]")) {
            if !names.isEmpty { try expect(UInt8(ascii: ","), "`,` or `]`") }
            guard names.count < WorkloadLimits.traceBlocksMax else {
                throw LineFault(
                    message: "`\(name)` has more than \(WorkloadLimits.traceBlocksMax) elements",
                    remedy: "remove the line")
            }
            names.append(StableHash.mix(try wholeNumber(name) &+ 1))
        }
        return names
    }

    private mutating func wholeNumber(_ name: String) throws(LineFault) -> UInt64 {
        skipBlanks()
        let start = offset
        var value: UInt64 = 0
        while offset < bytes.endIndex, ASCII.isDigit(bytes[offset]) {
            value = value &* 10 &+ UInt64(bytes[offset] - UInt8(ascii: "0"))
            offset += 1
        }
        guard offset > start else { throw fault("a whole number in `\(name)`") }
        return value
    }

    /// Passes over any value.
    mutating func skipValue() throws(LineFault) {
        var depth = 0
        repeat {
            skipBlanks()
            guard offset < bytes.endIndex else { throw fault("a value") }
            switch bytes[offset] {
            case UInt8(ascii: "\""): try skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { throw fault("a value") }
                depth -= 1
                offset += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw fault("a value") }
                offset += 1
            default: try skipWord()
            }
        } while depth > 0
    }

    private mutating func skipWord() throws(LineFault) {
        let start = offset
        while offset < bytes.endIndex, Self.isNumeric(bytes[offset]) || isLetter(bytes[offset]) {
            offset += 1
        }
        guard offset > start else { throw fault("a value") }
    }

    private func isLetter(_ byte: UInt8) -> Bool {
        byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
    }
}
