// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

extension Evaluation {
    /// What the slot holds, as a value. Makes a string of a text.
    func fact(_ slot: Index, at index: Index) throws(EvaluationFault) -> Value {
        switch facts.contents[Int(slot)] {
        case .value(let value): return value
        case .text(let range):
            return .string(unsafe facts.bytes.span.bytes.extracting(range.range).text)
        case .absent: throw located(EvaluationFault(.noSuchKey, name(slot)), at: index)
        case .ambiguous: throw located(EvaluationFault(.ambiguousFact, name(slot)), at: index)
        case .unknown: throw EvaluationFault(.factNotProvided, name(slot))
        }
    }

    /// Whether there is something for the slot.
    func has(_ slot: Index) throws(EvaluationFault) -> Bool {
        switch facts.contents[Int(slot)] {
        case .value, .text: return true
        case .absent: return false
        case .ambiguous: throw EvaluationFault(.ambiguousFact, name(slot))
        case .unknown: throw EvaluationFault(.factNotProvided, name(slot))
        }
    }

    /// What the slot holds, as an optional.
    func optionalFact(_ slot: Index) throws(EvaluationFault) -> Value {
        try has(slot) ? .optional(fact(slot, at: 0)) : .optional(nil)
    }

    private func name(_ slot: Index) -> String { code.slotNames[slot] ?? "" }

    /// Whether the slot holds exactly a text.
    func textEquals(_ slot: Index, _ text: Index) throws(EvaluationFault) -> Bool {
        if case .text(let range) = facts.contents[Int(slot)] {
            let wanted = code.texts[Int(text)]
            return unsafe facts.bytes.span.bytes.extracting(range.range)
                .equals(wanted.span.bytes)
        }
        return equalsText(try fact(slot, at: 0), text)
    }

    /// Whether a value is exactly a text.
    func equalsText(_ value: Value, _ text: Index) -> Bool {
        guard case .string(let found) = value else { return false }
        let span = found.utf8Span
        let wanted = code.texts[Int(text)]
        return unsafe span.span.bytes.equals(wanted.span.bytes)
    }

    /// Whether the text of the slot begins with, ends with or contains another.
    mutating func text(
        _ test: TextTest, _ slot: Index, _ text: Index, at index: Index
    ) throws(EvaluationFault) -> Bool {
        if case .text(let range) = facts.contents[Int(slot)] {
            let wanted = code.texts[Int(text)]
            // Looking for a long text in a long one may compare much of both at each place.
            try spend(range.count / 16 + range.count * wanted.count / 4_096)
            return unsafe facts.bytes.span.bytes.extracting(range.range)
                .passes(test, wanted.span.bytes)
        }
        return try self.test(test, fact(slot, at: index), text, at: index)
    }

    /// Whether a value, which must be a text, begins with, ends with or contains another.
    mutating func test(
        _ test: TextTest, _ value: Value, _ text: Index, at index: Index
    ) throws(EvaluationFault) -> Bool {
        let wanted = code.texts[Int(text)]
        guard case .string(let found) = value else {
            let other = Value.string(String(decoding: wanted, as: UTF8.self))
            throw located(Functions.noOverload(test.function, [value, other]), at: index)
        }
        let span = found.utf8Span
        try spend(span.count / 16 + span.count * wanted.count / 4_096)
        return unsafe span.span.bytes.passes(test, wanted.span.bytes)
    }

    /// Whether the text of the slot is one of a set.
    mutating func textIn(_ slot: Index, _ set: Index) throws(EvaluationFault) -> Bool {
        let texts = code.sets[Int(set)]
        try spend(texts.count / 8)
        if case .text(let range) = facts.contents[Int(slot)] {
            let found = unsafe facts.bytes.span.bytes.extracting(range.range)
            for text in texts where unsafe found.equals(text.span.bytes) { return true }
            return false
        }
        return try isInTexts(fact(slot, at: 0), set)
    }

    /// Whether a value is one of a set of texts.
    mutating func isInTexts(_ value: Value, _ set: Index) throws(EvaluationFault) -> Bool {
        let texts = code.sets[Int(set)]
        try spend(texts.count / 8)
        guard case .string(let found) = value else { return false }
        let span = found.utf8Span
        for text in texts where unsafe span.span.bytes.equals(text.span.bytes) { return true }
        return false
    }

    /// Whether some part of the slot's text matches a pattern.
    mutating func textMatches(
        _ slot: Index, _ pattern: Index, at index: Index
    ) throws(EvaluationFault) -> Bool {
        guard case .text(let range) = facts.contents[Int(slot)] else {
            return try matches(fact(slot, at: index), pattern, at: index)
        }
        try spend(range.count / 4)
        let text = unsafe facts.bytes.span.bytes.extracting(range.range)
        return code.patterns[Int(pattern)].contains(text)
    }

    /// Whether some part of the value of a node matches a pattern.
    mutating func matches(
        _ operand: Index, _ pattern: Index, at index: Index
    ) throws(EvaluationFault) -> Bool {
        try matches(value(operand), pattern, at: index)
    }

    private mutating func matches(
        _ value: Value, _ pattern: Index, at index: Index
    ) throws(EvaluationFault) -> Bool {
        guard case .string(let text) = value else {
            throw located(
                EvaluationFault(.noSuchOverload, "matches on \(value.typeName)"), at: index)
        }
        let span = text.utf8Span
        try spend(span.count / 4)
        return unsafe code.patterns[Int(pattern)].contains(span.span.bytes)
    }
}

extension Value {
    /// Whether it is the bool `true`.
    var isTrueBool: Bool {
        if case .bool(true) = self { true } else { false }
    }
}

extension RawSpan {
    /// Whether the bytes begin with, end with or contain those of `other`.
    func passes(_ test: TextTest, _ other: RawSpan) -> Bool {
        guard other.byteCount <= byteCount else { return false }
        switch test {
        case .prefix: return hasPrefix(other)
        case .suffix: return extracting(last: other.byteCount).equals(other)
        case .contains: return firstRange(of: other, from: 0) != nil
        }
    }

    /// Where the bytes of `other` begin first at or behind `from`, or nil.
    ///
    /// **Complexity** O(n · m) at worst; the first byte is looked for a word at a time.
    func firstRange(of other: RawSpan, from: Int) -> Int? {
        guard other.byteCount > 0 else { return from <= byteCount ? from : nil }
        var place = from
        while place + other.byteCount <= byteCount,
            let found = firstIndex(of: other[0], from: place)
        {
            guard found + other.byteCount <= byteCount else { return nil }
            if extracting(found..<(found + other.byteCount)).equals(other) { return found }
            place = found + 1
        }
        return nil
    }
}
