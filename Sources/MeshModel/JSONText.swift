// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A JSON value that is written, never read. Members keep their order, so equal values give
/// equal text.
package indirect enum JSONText: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// A whole number.
    case number(Int)
    /// A number with a point: so many units of the last decimal.
    case fixed(Int, decimals: Int)
    /// A string.
    case text(String)
    /// An array.
    case list([JSONText])
    /// An object.
    case object([Member])

    /// A member of an object.
    package struct Member: Hashable, Sendable {
        /// The name.
        package var name: String
        /// The value.
        package var value: JSONText

        /// The member `name` with `value`.
        package init(_ name: String, _ value: JSONText) {
            self.name = name
            self.value = value
        }
    }

    /// The value as text of several lines, with a line break at the end. What fits on one line
    /// of 100 columns stands on one.
    package var rendered: String {
        var out: [UInt8] = []
        append(to: &out, depth: 0, column: 0)
        out.append(UInt8(ascii: "\n"))
        return String(decoding: out, as: UTF8.self)
    }

    /// The value as text on one line.
    package var oneLine: String {
        var out: [UInt8] = []
        appendCompact(to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    private static let columnsMax = 100

    private func append(to out: inout [UInt8], depth: Int, column: Int) {
        if let line = compact(within: Self.columnsMax - column) {
            out.append(contentsOf: line)
            return
        }
        switch self {
        case .null, .boolean, .number, .fixed, .text: appendCompact(to: &out)
        case .list(let elements):
            out.append("[\n")
            for (index, element) in elements.enumerated() {
                Self.indent(&out, depth + 1)
                element.append(to: &out, depth: depth + 1, column: depth * 2 + 3)
                out.append(index == elements.count - 1 ? "\n" : ",\n")
            }
            Self.indent(&out, depth)
            out.append("]")
        case .object(let members):
            out.append("{\n")
            for (index, member) in members.enumerated() {
                Self.indent(&out, depth + 1)
                let start = out.count
                Self.appendString(member.name, to: &out)
                out.append(": ")
                member.value.append(
                    to: &out, depth: depth + 1, column: depth * 2 + 3 + out.count - start)
                out.append(index == members.count - 1 ? "\n" : ",\n")
            }
            Self.indent(&out, depth)
            out.append("}")
        }
    }

    /// The value on one line, or nil when that is longer than `width`.
    private func compact(within width: Int) -> [UInt8]? {
        guard weight(atMost: width) <= width else { return nil }
        var out: [UInt8] = []
        appendCompact(to: &out)
        return out.count <= width ? out : nil
    }

    /// A lower bound of the length on one line; counting ends above `most`.
    private func weight(atMost most: Int) -> Int {
        switch self {
        case .null, .boolean, .number, .fixed: return 1
        case .text(let text): return text.utf8.count + 2
        case .list(let elements):
            var sum = 2
            for element in elements where sum <= most { sum += 2 + element.weight(atMost: most) }
            return sum - (elements.isEmpty ? 0 : 2)
        case .object(let members):
            var sum = 2
            for member in members where sum <= most {
                sum += member.name.utf8.count + 6 + member.value.weight(atMost: most)
            }
            return sum - (members.isEmpty ? 0 : 2)
        }
    }

    private func appendCompact(to out: inout [UInt8]) {
        switch self {
        case .null: out.append("null")
        case .boolean(let value): out.append(value ? "true" : "false")
        case .number(let value): out.appendDecimal(value)
        case .fixed(let value, let decimals): Self.append(value, decimals, to: &out)
        case .text(let text): Self.appendString(text, to: &out)
        case .list(let elements):
            out.append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(", ") }
                element.appendCompact(to: &out)
            }
            out.append("]")
        case .object(let members):
            out.append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(", ") }
                Self.appendString(member.name, to: &out)
                out.append(": ")
                member.value.appendCompact(to: &out)
            }
            out.append("}")
        }
    }

    private static func append(_ value: Int, _ decimals: Int, to out: inout [UInt8]) {
        let digits = "\(value.magnitude)"
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        if value < 0 { out.append("-") }
        out.append(contentsOf: padded.dropLast(decimals).utf8)
        if decimals > 0 { out.append(".") }
        out.append(contentsOf: padded.suffix(decimals).utf8)
    }

    private static func indent(_ out: inout [UInt8], _ depth: Int) {
        for _ in 0..<depth { out.append("  ") }
    }

    /// RFC 8259, section 7.
    private static func appendString(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): out.append("\\\"")
            case UInt8(ascii: "\\"): out.append("\\\\")
            case UInt8(ascii: "\n"): out.append("\\n")
            case UInt8(ascii: "\t"): out.append("\\t")
            case UInt8(ascii: "\r"): out.append("\\r")
            case 0..<0x20, 0x7F:
                out.append("\\u00")
                out.append(ASCII.hexDigit(byte >> 4))
                out.append(ASCII.hexDigit(byte & 15))
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
