// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension Value {
    /// The value for a person, as `%s` of `format` writes it.
    package var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .uint(let value): String(value)
        case .double(let value): DoubleText.shortest(value)
        case .string(let value): value
        case .bytes(let value): String(decoding: value, as: UTF8.self)
        case .duration(let value): DurationText.text(value)
        case .timestamp(let value): value.rfc3339
        case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .map(let map):
            "{"
                + zip(map.keys, map.values).map { ($0.text, $1.text) }
                .sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
                .map { "\($0): \($1)" }.joined(separator: ", ") + "}"
        case .type(let name): name.text
        case .optional(let value): value.map { "optional(\($0.text))" } ?? "optional.none()"
        case .address(let value): value.text
        case .network(let value): value.text
        }
    }
}

/// Doubles as texts.
enum DoubleText {
    /// The shortest text that reads back as `value`; whole numbers without a point.
    static func shortest(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// `value` with `precision` digits behind the point, rounded half to even from its exact
    /// binary value.
    static func fixed(_ value: Double, precision: Int) -> String {
        if !value.isFinite { return shortest(value) }
        var digits = Digits(value.magnitude)
        digits.round(toPlace: precision)
        return sign(value) + digits.text(from: max(digits.point, 1), places: precision)
    }

    /// `value` as `d.ddde±dd` with `precision` digits behind the point.
    static func scientific(_ value: Double, precision: Int) -> String {
        if !value.isFinite { return shortest(value) }
        var digits = Digits(value.magnitude)
        digits.round(toPlace: precision + 1 - digits.point)
        let exponent = digits.isZero ? 0 : digits.point - 1
        digits.point = 1
        let tail = String(exponent.magnitude)
        return sign(value) + digits.text(from: 1, places: precision)
            + (exponent < 0 ? "e-" : "e+") + (tail.utf8.count < 2 ? "0" : "") + tail
    }

    private static func sign(_ value: Double) -> String { value.sign == .minus ? "-" : "" }
}

/// All decimal digits of a double: every double is a finite decimal fraction.
private struct Digits {
    /// Most significant first, without leading zeros.
    var digits: [UInt8]
    /// How many of them stand before the point; negative when zeros follow the point.
    var point: Int

    var isZero: Bool { digits.allSatisfy { $0 == 0 } }

    /// The digits of `value`, which is finite and not negative.
    init(_ value: Double) {
        guard value > 0 else {
            digits = [0]
            point = 1
            return
        }
        // value = significand · 2^power; for a negative power, · 5^-power and a shifted point.
        let isNormal = value.exponentBitPattern > 0
        let significand = value.significandBitPattern | (isNormal ? 1 << 52 : 0)
        let power = Int(max(value.exponentBitPattern, 1)) - 1_075
        // Limbs in base 10⁹, least significant first.
        var limbs = [significand % 1_000_000_000, significand / 1_000_000_000]
        let base: UInt64 = power < 0 ? 5 : 2
        for _ in 0..<abs(power) {
            var carry: UInt64 = 0
            for index in limbs.indices {
                let product = limbs[index] * base + carry
                limbs[index] = product % 1_000_000_000
                carry = product / 1_000_000_000
            }
            if carry > 0 { limbs.append(carry) }
        }
        var all: [UInt8] = []
        for limb in limbs.reversed() { all.appendDecimal(Int(limb), width: 9) }
        digits = Array(all.map { $0 - UInt8(ascii: "0") }.drop { $0 == 0 })
        point = digits.count + min(power, 0)
    }

    /// Rounds half to even behind the digit `place` places behind the point.
    mutating func round(toPlace place: Int) {
        let kept = point + place
        if kept < 0 {
            digits = [0]
            point = 1
            return
        }
        guard kept < digits.count else { return }
        let next = digits[kept]
        let isTie = next == 5 && digits[(kept + 1)...].allSatisfy { $0 == 0 }
        let isUp = isTie ? kept > 0 && digits[kept - 1] % 2 == 1 : next >= 5
        digits.removeSubrange(kept...)
        guard isUp else {
            if digits.isEmpty { (digits, point) = ([0], 1) }
            return
        }
        var index = kept - 1
        while index >= 0, digits[index] == 9 {
            digits[index] = 0
            index -= 1
        }
        if index >= 0 {
            digits[index] += 1
        } else {
            digits.insert(1, at: 0)
            point += 1
        }
    }

    /// `whole` digits, a point and `places` digits.
    func text(from whole: Int, places: Int) -> String {
        var out: [UInt8] = []
        for place in (point - whole)..<(point + places) {
            if place == point, place > point - whole { out.append(UInt8(ascii: ".")) }
            let isKnown = digits.indices.contains(place)
            out.append(UInt8(ascii: "0") + (isKnown ? digits[place] : 0))
        }
        return String(decoding: out, as: UTF8.self)
    }
}
