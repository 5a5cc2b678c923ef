// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension Value {
    /// Whether both are equal as `==` of the language means it: numbers by their value whatever
    /// their type, everything else only within its type; NaN equals nothing.
    ///
    /// **Complexity** O(the smaller of both).
    package func equals(_ other: Value) -> Bool {
        switch (self, other) {
        case (.null, .null): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.string(let a), .string(let b)): return a.isSameText(as: b)
        case (.bytes(let a), .bytes(let b)): return a == b
        case (.duration(let a), .duration(let b)): return a == b
        case (.timestamp(let a), .timestamp(let b)): return a == b
        case (.list(let a), .list(let b)):
            guard a.count == b.count else { return false }
            for index in a.indices where !a[index].equals(b[index]) { return false }
            return true
        case (.map(let a), .map(let b)): return a.equals(b)
        case (.type(let a), .type(let b)): return a == b
        case (.optional(let a), .optional(let b)):
            guard let a, let b else { return a == nil && b == nil }
            return a.equals(b)
        case (.address(let a), .address(let b)): return a == b
        case (.network(let a), .network(let b)): return a == b
        default: return isNumber && other.isNumber && order(other) == .same
        }
    }

    /// Whether it is an int, a uint or a double.
    var isNumber: Bool {
        switch self {
        case .int, .uint, .double: true
        default: false
        }
    }

    /// Whether it is a double.
    var isDouble: Bool {
        if case .double = self { true } else { false }
    }
}

/// How two values stand to each other.
enum Order {
    case before, same, behind
    /// One of them is NaN.
    case unordered

    init<T: Comparable>(_ a: T, _ b: T) { self = a < b ? .before : a == b ? .same : .behind }

    init(_ a: Double, _ b: Double) {
        self = a < b ? .before : a == b ? .same : a > b ? .behind : .unordered
    }

    var reversed: Order {
        switch self {
        case .before: .behind
        case .behind: .before
        case .same: .same
        case .unordered: .unordered
        }
    }
}

extension Value {
    /// How it stands to `other`; nil when values of these types have no order.
    func order(_ other: Value) -> Order? {
        switch (self, other) {
        case (.int(let a), .int(let b)): Order(a, b)
        case (.uint(let a), .uint(let b)): Order(a, b)
        case (.double(let a), .double(let b)): Order(a, b)
        case (.int(let a), .uint(let b)): a < 0 ? .before : Order(UInt64(a), b)
        case (.uint(let a), .int(let b)): b < 0 ? .behind : Order(a, UInt64(b))
        case (.int(let a), .double(let b)): order(a, b)
        case (.uint(let a), .double(let b)): order(a, b)
        case (.double(let a), .int(let b)): order(b, a).reversed
        case (.double(let a), .uint(let b)): order(b, a).reversed
        case (.bool(let a), .bool(let b)): Order(a ? 1 : 0, b ? 1 : 0)
        case (.string(let a), .string(let b)): a.textOrder(b)
        case (.bytes(let a), .bytes(let b)): unsafe Self.order(a.span.bytes, b.span.bytes)
        case (.duration(let a), .duration(let b)): Order(a, b)
        case (.timestamp(let a), .timestamp(let b)): Order(a, b)
        default: nil
        }
    }

    /// A whole number stands to a double as the double nearest to it does: what the suite of
    /// cel-spec asks for, although it takes some neighbours above 2⁵³ for equal.
    private func order<Whole: FixedWidthInteger>(_ a: Whole, _ b: Double) -> Order {
        if b < Double(Whole.min) { return .behind }
        if b > Double(Whole.max) { return .before }
        return Order(Double(a), b)
    }

    /// The order of bytes, which is that of code points for UTF-8.
    fileprivate static func order(_ a: RawSpan, _ b: RawSpan) -> Order {
        for index in 0..<min(a.byteCount, b.byteCount) where a[index] != b[index] {
            return Order(a[index], b[index])
        }
        return Order(a.byteCount, b.byteCount)
    }
}

extension String {
    /// Whether both hold the same code points.
    func isSameText(as other: String) -> Bool {
        let mine = utf8Span
        let theirs = other.utf8Span
        return unsafe mine.span.bytes.equals(theirs.span.bytes)
    }

    /// The order by code points.
    fileprivate func textOrder(_ other: String) -> Order {
        let mine = utf8Span
        let theirs = other.utf8Span
        return unsafe Value.order(mine.span.bytes, theirs.span.bytes)
    }
}
