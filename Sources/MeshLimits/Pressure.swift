// SPDX-License-Identifier: Apache-2.0

/// How short the process is of what it cannot do without: memory, descriptors, room for bodies.
///
/// Each level adds to what the one before it does. What runs is never given up before the last.
package enum Pressure: UInt8, Sendable, Hashable, Comparable, CaseIterable {
    /// There is enough of everything.
    case none
    /// Bodies that must be read whole first are no longer read, and idle connections end sooner.
    case slowsDown
    /// Connections close behind their answer, and requests of a priority below 0 are refused.
    case sheds
    /// Every new request is refused.
    case refuses
    /// No connection is accepted.
    case acceptsNothing
    /// The answer that takes the most room, because nobody reads it, is cut off.
    case cuts

    package static func < (a: Pressure, b: Pressure) -> Bool { a.rawValue < b.rawValue }

    /// The level in words.
    package var label: String {
        switch self {
        case .none: "none any more"
        case .slowsDown: "bodies are not read for now"
        case .sheds: "connections close behind their answer"
        case .refuses: "new requests are refused"
        case .acceptsNothing: "no connection is accepted"
        case .cuts: "answers that nobody reads are cut off"
        }
    }

    /// The use of what is shortest, in thousandths, from which the level holds.
    ///
    /// **Source** the order and the shares of the overload manager of Envoy, with reading stopped
    /// before anything is refused.
    package var from: Int {
        switch self {
        case .none: 0
        case .slowsDown: 700
        case .sheds: 800
        case .refuses: 900
        case .acceptsNothing: 950
        case .cuts: 970
        }
    }

    /// The level at a use of `permille`, when it was this one before: a level that holds is left
    /// only 30 thousandths below where it began, so that it does not flutter.
    package func next(at permille: Int) -> Pressure {
        let reached = Pressure.allCases.last { permille >= $0.from } ?? .none
        if reached >= self { return reached }
        let kept = Pressure.allCases.last { permille >= $0.from - 30 } ?? .none
        return min(self, max(kept, reached))
    }
}

/// What is used and what there is of it; a bound of 0 is none.
package struct PressureReading: Sendable, Hashable {
    /// Bytes of memory of the process.
    package var memory = 0
    /// The bound of it.
    package var memoryMax = 0
    /// Open descriptors.
    package var descriptors = 0
    /// The bound of them.
    package var descriptorsMax = 0
    /// Bytes of bodies and answers that wait.
    package var buffered = 0
    /// The bound of them.
    package var bufferedMax = 0

    /// Nothing used, nothing bounded.
    package init() {}

    /// The use of what is shortest, in thousandths.
    package var permille: Int {
        [(memory, memoryMax), (descriptors, descriptorsMax), (buffered, bufferedMax)]
            .map { used, most in most > 0 ? Int(Double(used) / Double(most) * 1000) : 0 }
            .max() ?? 0
    }
}
