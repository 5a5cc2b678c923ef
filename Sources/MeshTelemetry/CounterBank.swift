// SPDX-License-Identifier: Apache-2.0

/// The counters of one metric: a row of `width` plain integers for each series.
package struct CounterBank: Hashable, Sendable {
    /// Counters of one series.
    package let width: Int
    private var cells: [UInt64] = []

    /// A bank without rows whose rows have `width` counters.
    package init(width: Int) { self.width = width }

    /// Count of rows.
    package var rows: Int { cells.count / width }

    /// Adds rows of zeros until there are `rows`.
    package mutating func grow(to rows: Int) {
        let missing = rows * width - cells.count
        if missing > 0 { cells.append(contentsOf: repeatElement(0, count: missing)) }
    }

    /// The value of one counter.
    package subscript(row: Int, column: Int) -> UInt64 {
        @inline(__always)
        get { cells[row &* width &+ column] }
    }

    /// Adds `amount`; stays at the highest value rather than wrapping.
    @inline(__always)
    package mutating func add(_ amount: UInt64, row: Int, column: Int) {
        let cell = row &* width &+ column
        cells[cell] = cells[cell].addingSaturated(amount)
    }

    /// Replaces the value, for what is a state and not a count.
    package mutating func set(_ value: UInt64, row: Int, column: Int) {
        cells[row * width + column] = value
    }

    /// Adds row `source` of `other`, which has the same width, to `row`.
    package mutating func add(_ other: CounterBank, row source: Int, to row: Int) {
        for column in 0..<width { add(other[source, column], row: row, column: column) }
    }

    /// Raises each value of `row` to that of row `source` of `other`.
    package mutating func raise(_ other: CounterBank, row source: Int, to row: Int) {
        for column in 0..<width {
            set(Swift.max(self[row, column], other[source, column]), row: row, column: column)
        }
    }
}
