// SPDX-License-Identifier: Apache-2.0

/// The histograms of one metric: one row of plain integers for each series.
///
/// All rows lie in one array, a row being its buckets and then the sum, so that an observation
/// touches one or two cache lines and takes no lock. The sum stays at its highest value rather
/// than wrapping: a counter that goes back would read as a restart.
package struct HistogramBank: Hashable, Sendable {
    /// The bounds that all rows share.
    package let layout: BucketLayout
    private var cells: [UInt64] = []

    /// A bank without rows.
    package init(_ layout: BucketLayout) { self.layout = layout }

    private var width: Int { layout.bounds.count &+ 2 }

    /// Count of rows.
    package var rows: Int { cells.count / width }

    /// Adds empty rows until there are `rows`.
    package mutating func grow(to rows: Int) {
        let missing = rows * width - cells.count
        if missing > 0 { cells.append(contentsOf: repeatElement(0, count: missing)) }
    }

    /// Counts `value` in `row`, which must exist.
    @inline(__always)
    package mutating func observe(_ value: UInt64, at row: Int) {
        let base = row &* width
        cells[base &+ layout.bucket(of: value)] &+= 1
        let sum = base &+ width &- 1
        cells[sum] = cells[sum].addingSaturated(value)
    }

    /// Observations of `row` in `bucket` alone (not cumulative).
    package func count(at row: Int, bucket: Int) -> UInt64 { cells[row * width + bucket] }

    /// All observations of `row`.
    package func count(at row: Int) -> UInt64 {
        var total: UInt64 = 0
        for bucket in 0..<layout.bucketCount { total &+= count(at: row, bucket: bucket) }
        return total
    }

    /// The sum of the values observed in `row`.
    package func sum(at row: Int) -> UInt64 { cells[row * width + width - 1] }

    /// Adds row `source` of `other`, which has the same layout, to `row`.
    package mutating func add(_ other: HistogramBank, row source: Int, to row: Int) {
        for cell in 0..<width {
            let value = cells[row * width + cell]
            cells[row * width + cell] = value.addingSaturated(other.cells[source * width + cell])
        }
    }
}

extension UInt64 {
    /// The sum, or the highest value where it would overflow.
    @inline(__always)
    func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
