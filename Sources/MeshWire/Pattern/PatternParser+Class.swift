// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension PatternParser {
    /// Reads a character class whose `[` is at `begin`.
    mutating func characterClass(begin: Int) throws(PatternFault) -> ScalarSet {
        let isInverted = take("^")
        var set = ScalarSet()
        var isFirst = true
        while let scalar = peek(), isFirst || scalar != "]" {
            isFirst = false
            if scalar == "[", peek(1) == ":", let named = try namedClass() {
                set.insert(named)
                continue
            }
            let place = index
            let low = try classItem(begin: begin)
            // A `-` is a range only between two single scalars, and not right before the `]`.
            guard peek() == "-", let behind = peek(1), behind != "]" else {
                set.insert(low)
                continue
            }
            index += 1
            let high = try classItem(begin: begin)
            guard let first = low.single, let last = high.single, first <= last else {
                throw fault(.rangeOutOfOrder, at: place)
            }
            set.insert(first, last)
        }
        guard take("]") else { throw fault(.unclosedClass, at: begin) }
        set.normalise()
        // Folding comes before inverting: `(?i)[^a]` must not take `A`.
        if ignoresCase { set = set.ignoringCase }
        return isInverted ? set.inverted : set
    }

    private mutating func classItem(begin: Int) throws(PatternFault) -> ScalarSet {
        guard let scalar = peek() else { throw fault(.unclosedClass, at: begin) }
        let place = index
        index += 1
        return scalar == "\\" ? try escapedSet(begin: place) : ScalarSet(scalar.value)
    }

    /// Reads `[:name:]` or `[:^name:]`; nil, and nothing read, when no `:]` closes it.
    private mutating func namedClass() throws(PatternFault) -> ScalarSet? {
        let begin = index
        index += 2
        let isInverted = take("^")
        var name = ""
        while let scalar = peek(), ("a"..."z").contains(scalar) {
            name.unicodeScalars.append(scalar)
            index += 1
        }
        guard take(":"), take("]") else {
            index = begin
            return nil
        }
        guard let set = ScalarSet.posix(name) else {
            throw fault(.unknownClassName, at: begin)
        }
        return isInverted ? set.inverted : set
    }

    /// Reads what stands behind the backslash at `begin`, where it means a set of scalars.
    mutating func escapedSet(begin: Int) throws(PatternFault) -> ScalarSet {
        guard let scalar = peek() else { throw fault(.trailingBackslash, at: begin) }
        index += 1
        switch scalar {
        case "d": return .digits
        case "D": return .digits.inverted
        case "w": return .words
        case "W": return .words.inverted
        case "s": return .spaces
        case "S": return .spaces.inverted
        case "a": return ScalarSet(0x07)
        case "f": return ScalarSet(0x0C)
        case "n": return ScalarSet(0x0A)
        case "r": return ScalarSet(0x0D)
        case "t": return ScalarSet(0x09)
        case "v": return ScalarSet(0x0B)
        case "x": return ScalarSet(try hexadecimal(begin: begin))
        case "p", "P": throw fault(.unicodeClass, at: begin)
        default:
            // Letters and digits are kept for what they may mean elsewhere.
            guard scalar.value < 0x80, !ScalarSet.words.contains(scalar.value) || scalar == "_"
            else { throw fault(.unknownEscape, at: begin) }
            return ScalarSet(scalar.value)
        }
    }

    /// Reads the digits of `\x41` or `\x{1F600}`.
    private mutating func hexadecimal(begin: Int) throws(PatternFault) -> UInt32 {
        let isBraced = take("{")
        let most = isBraced ? 6 : 2
        var value: UInt32 = 0
        var count = 0
        while count < most, let digit = peek().flatMap({ UInt8(exactly: $0.value) }),
            let nibble = ASCII.hexValue(digit)
        {
            value = value << 4 | UInt32(nibble)
            count += 1
            index += 1
        }
        guard isBraced ? count > 0 && take("}") : count == 2 else {
            throw fault(.unknownEscape, at: begin)
        }
        guard Unicode.Scalar(value) != nil else { throw fault(.invalidScalar, at: begin) }
        return value
    }
}

extension ScalarSet {
    /// The only value of the set, or nil when there are none or several.
    fileprivate var single: UInt32? {
        guard runs.count == 1, runs[0].first == runs[0].last else { return nil }
        return runs[0].first
    }
}
