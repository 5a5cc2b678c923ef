// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Which facts the programs of one set read, and where each finds them.
///
/// A slot is a whole fact or, for a fact that is a map, the entry of one key: so that the driver
/// looks up `request.headers['x-team']` once and builds no map.
package struct FactLayout: Sendable {
    /// What stands in a slot.
    package struct Slot: Hashable, Sendable {
        /// The number of the fact in its environment.
        package var fact: Int
        /// The key, when only one entry of a map is read.
        package var key: String?
    }

    /// All slots; a program says which of them it reads.
    package private(set) var slots: [Slot] = []

    /// A layout of no slots.
    package init() {}

    /// The slot of a whole fact for somebody else than a program; nil when there are too many.
    package mutating func slot(ofFact fact: Int) -> Int? { slot(fact, key: nil) }

    /// The slot of a fact or one of its entries, made if it is new; nil when there are too many.
    mutating func slot(_ fact: Int, key: String?) -> Int? {
        let slot = Slot(fact: fact, key: key)
        // Compared by bytes, as keys are.
        let known = slots.firstIndex {
            $0.fact == fact && ($0.key == nil) == (key == nil)
                && ($0.key ?? "").isSameText(as: key ?? "")
        }
        if let known { return known }
        guard slots.count < Limits.slotsMax else { return nil }
        slots.append(slot)
        return slots.count - 1
    }
}

/// The facts of one request, by the slots of a layout.
///
/// It is filled, read by any count of programs, and cleared for the next request. Texts are kept
/// as bytes in one buffer, so that in the steady state neither filling nor reading allocates.
package struct FactTable: Sendable {
    /// What a slot holds.
    enum Content: Sendable {
        /// The driver has not filled it.
        case unknown
        /// The map has no such entry, or the request no such fact.
        case absent
        /// There is more than one, and nobody can say which of them counts.
        case ambiguous
        /// A text, as a range of `bytes`.
        case text(ByteRange)
        case value(Value)
    }

    private(set) var contents: [Content]
    private(set) var bytes: [UInt8] = []
    /// The slots to be forgotten by `clear`.
    private var filled: [Int] = []

    /// A table with room for the facts of `layout`.
    package init(_ layout: FactLayout) {
        contents = Array(repeating: .unknown, count: layout.slots.count)
    }

    /// Forgets all facts.
    ///
    /// **Complexity** O(n) in the facts that were filled, not in those there could be.
    package mutating func clear() {
        for index in filled { contents[index] = .unknown }
        filled.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }

    /// Whether `slot` has been filled.
    package func isFilled(_ slot: Int) -> Bool {
        if case .unknown = contents[slot] { return false }
        return true
    }

    /// What `slot` holds; nil when that is nothing, or ambiguous.
    package func value(_ slot: Int) -> Value? {
        switch contents[slot] {
        case .unknown, .absent, .ambiguous: nil
        case .text(let range): .string(unsafe bytes.span.bytes.extracting(range.range).text)
        case .value(let value): value
        }
    }

    /// Fills `slot` with a text, which should be UTF-8: bytes that are not equal nothing, and
    /// count as U+FFFD where a string is made of them.
    package mutating func set(_ slot: Int, text: RawSpan) {
        let start = bytes.count
        bytes.append(text)
        fill(slot, .text(ByteRange(start, bytes.count)))
    }

    /// Fills `slot` with a text.
    package mutating func set(_ slot: Int, text: String) {
        let span = text.utf8Span
        unsafe set(slot, text: span.span.bytes)
    }

    /// Fills `slot` with a value.
    package mutating func set(_ slot: Int, _ value: Value) { fill(slot, .value(value)) }

    /// Says that there is nothing for `slot`.
    package mutating func setAbsent(_ slot: Int) { fill(slot, .absent) }

    /// Says that there is more than one text for `slot`: whoever reads it, or asks whether it is
    /// there, fails.
    package mutating func setAmbiguous(_ slot: Int) { fill(slot, .ambiguous) }

    private mutating func fill(_ slot: Int, _ content: Content) {
        if case .unknown = contents[slot] { filled.append(slot) }
        contents[slot] = content
    }
}
