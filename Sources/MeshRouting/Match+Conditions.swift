// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import MeshWire

extension RouteIndex {
    /// Whether a request fulfils everything in `conditions`.
    func holds(
        _ conditions: Conditions, path: RawSpan, query: RawSpan, method: RawSpan,
        head: borrowing RequestHead, bytes: RawSpan
    ) -> Bool {
        let stored = self.text
        let text = unsafe stored.span.bytes
        if !conditions.method.isEmpty,
            !text.extracting(conditions.method.range).equals(method)
        {
            return false
        }
        if conditions.path >= 0, !patterns[Int(conditions.path)].matchesWhole(path) {
            return false
        }
        for i in conditions.headers {
            if !headerHolds(fields[Int(i)], text: text, head: head, bytes: bytes) { return false }
        }
        for i in conditions.query {
            if !parameterHolds(fields[Int(i)], text: text, query: query) { return false }
        }
        return true
    }

    /// Whether the head has the field with the right value; all its lines count.
    private func headerHolds(
        _ field: Field, text: RawSpan, head: borrowing RequestHead, bytes: RawSpan
    ) -> Bool {
        let name = text.extracting(field.name.range)
        let slots = head.fields
        var lines = 0
        var first = 0
        for i in slots.indices where slots[i].isNamed(name, in: bytes) {
            if lines == 0 { first = i }
            lines &+= 1
        }
        guard lines > 0 else { return false }
        if lines == 1 {
            let value = bytes.extracting(slots[first].valueRange.range)
            guard field.pattern < 0 else {
                return patterns[Int(field.pattern)].matchesWhole(value)
            }
            return text.extracting(field.value.range).equals(value)
        }
        if field.pattern < 0 {
            return joinedValue(
                of: name, in: slots, bytes: bytes, equals: text.extracting(field.value.range))
        }
        var joined: [UInt8] = []
        for i in slots.indices[first...] where slots[i].isNamed(name, in: bytes) {
            if i > first { joined.append(UInt8(ascii: ",")) }
            joined.append(bytes.extracting(slots[i].valueRange.range))
        }
        return patterns[Int(field.pattern)].matchesWhole(unsafe joined.span.bytes)
    }

    /// Whether the values of all lines called `name`, a comma between two, are `expected`.
    private func joinedValue(
        of name: RawSpan, in slots: [FieldSlot], bytes: RawSpan, equals expected: RawSpan
    ) -> Bool {
        var at = 0
        var isFirst = true
        for i in slots.indices where slots[i].isNamed(name, in: bytes) {
            if !isFirst {
                guard at < expected.byteCount, expected[at] == UInt8(ascii: ",") else {
                    return false
                }
                at &+= 1
            }
            isFirst = false
            let value = bytes.extracting(slots[i].valueRange.range)
            guard at &+ value.byteCount <= expected.byteCount,
                expected.extracting(at..<(at &+ value.byteCount)).equals(value)
            else { return false }
            at &+= value.byteCount
        }
        return at == expected.byteCount
    }

    /// Whether the first parameter of that name has the right value. A parameter without an
    /// equals sign has the empty value; an empty one is no parameter.
    private func parameterHolds(_ field: Field, text: RawSpan, query: RawSpan) -> Bool {
        let name = text.extracting(field.name.range)
        var start = 0
        while start < query.byteCount {
            let end = query.firstIndex(of: UInt8(ascii: "&"), from: start) ?? query.byteCount
            let parameter = query.extracting(start..<end)
            start = end &+ 1
            guard !parameter.isEmpty else { continue }
            let equals = parameter.firstIndex(of: UInt8(ascii: "=")) ?? parameter.byteCount
            guard parameter.extracting(0..<equals).formDecodedEquals(name) else { continue }
            let valueStart = Swift.min(equals &+ 1, parameter.byteCount)
            let value = parameter.extracting(valueStart..<parameter.byteCount)
            if field.pattern < 0 {
                return value.formDecodedEquals(text.extracting(field.value.range))
            }
            let pattern = patterns[Int(field.pattern)]
            guard value.isFormEncoded else { return pattern.matchesWhole(value) }
            let decoded = value.formDecoded
            return pattern.matchesWhole(unsafe decoded.span.bytes)
        }
        return false
    }
}

extension FieldSlot {
    /// Whether the field is called `name`, which is in lower case.
    @inline(__always)
    fileprivate func isNamed(_ name: RawSpan, in bytes: RawSpan) -> Bool {
        guard Int(nameLength) == name.byteCount else { return false }
        return bytes.extracting(nameRange.range).equalsIgnoringCase(name)
    }
}
