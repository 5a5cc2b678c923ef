// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Data labels of one snapshot, as bits: bit n is the label at n of `ResidencyTable.labels`.
///
/// Numbers mean something within one snapshot only; from one to the next labels are known by
/// their names.
package struct DataLabels: OptionSet, Hashable, Sendable {
    /// The labels as bits.
    package var rawValue: UInt64

    /// The labels of `rawValue`.
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The one label of that number, from 0 to 63.
    package init(number: Int) { rawValue = 1 << UInt64(number) }

    /// The most labels that one mesh may have.
    package static let countMax = 64

    /// The numbers of the labels, ascending.
    package var numbers: [Int] { (0..<Self.countMax).filter { rawValue >> UInt64($0) & 1 == 1 } }
}

/// What a request carries to wherever it goes: the labels of its data, and the time by which the
/// evidence of an endpoint is judged.
///
/// Whoever wants an endpoint has to hand it in, so that nothing that is sent can go around the
/// gates: a request without labels says so with `nothing`.
package struct Carried: Hashable, Sendable {
    /// The labels, numbered as in the snapshot that the gates are of.
    package var labels: DataLabels
    /// The time of day.
    package var time: WallTime

    /// `labels` at `time`.
    package init(_ labels: DataLabels, at time: WallTime) {
        self.labels = labels
        self.time = time
    }

    /// No data of a caller at all.
    package static let nothing = Carried([], at: WallTime(nanoseconds: 0))
}

/// Which labels may go to one endpoint: what every ResidencyPolicy says about it, in three words
/// that a choice of endpoints looks at.
package struct ResidencyGate: Hashable, Sendable {
    /// The labels that may never go there.
    package var barred: DataLabels = []
    /// The labels that may go there while its evidence holds.
    package var timed: DataLabels = []
    /// When its evidence begins to hold.
    package var opens = WallTime(nanoseconds: 0)
    /// From when on its evidence does not hold any more.
    package var closes = WallTime(nanoseconds: 0)

    /// A gate that is open for everything.
    package init() {}

    /// Whether some label may not go there, now or later.
    package var isOpen: Bool { barred.isEmpty && timed.isEmpty }

    /// Whether what is `carried` may go there.
    package func admits(_ carried: Carried) -> Bool {
        if !barred.isDisjoint(with: carried.labels) { return false }
        if timed.isDisjoint(with: carried.labels) { return true }
        return opens <= carried.time && carried.time < closes
    }
}
