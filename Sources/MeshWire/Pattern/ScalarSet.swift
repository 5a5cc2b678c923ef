// SPDX-License-Identifier: Apache-2.0

/// A set of Unicode scalar values, as ranges in order that neither touch nor overlap.
struct ScalarSet: Hashable, Sendable {
    /// One run of values, both ends included.
    struct Run: Hashable, Sendable {
        var first: UInt32
        var last: UInt32
    }

    /// The largest value a set can hold. Surrogates count as values here: none is ever met.
    static let scalarMax: UInt32 = 0x10FFFF

    /// The runs, ascending.
    private(set) var runs: [Run] = []

    /// The set of `values` as a reader writes them: `("a", "z")` for each run.
    init(_ runs: [(Unicode.Scalar, Unicode.Scalar)] = []) {
        for (first, last) in runs { self.runs.append(Run(first: first.value, last: last.value)) }
        normalise()
    }

    /// The set of one value.
    init(_ value: UInt32) { runs = [Run(first: value, last: value)] }

    /// Every value.
    static var all: ScalarSet { ScalarSet().inverted }

    /// Adds the values `first ... last`.
    mutating func insert(_ first: UInt32, _ last: UInt32) {
        runs.append(Run(first: first, last: last))
    }

    /// Adds the values of `other`.
    mutating func insert(_ other: ScalarSet) { runs.append(contentsOf: other.runs) }

    /// Restores order after insertions. **Complexity** O(n log n).
    mutating func normalise() {
        runs.sort { ($0.first, $0.last) < ($1.first, $1.last) }
        var merged: [Run] = []
        for run in runs {
            if let end = merged.indices.last, merged[end].last &+ 1 >= run.first {
                merged[end].last = max(merged[end].last, run.last)
            } else {
                merged.append(run)
            }
        }
        runs = merged
    }

    /// Every value that is not in this set.
    var inverted: ScalarSet {
        var result = ScalarSet()
        var next: UInt32 = 0
        for run in runs {
            if run.first > next { result.runs.append(Run(first: next, last: run.first - 1)) }
            next = run.last + 1
        }
        if next <= Self.scalarMax {
            result.runs.append(Run(first: next, last: Self.scalarMax))
        }
        return result
    }

    /// This set with the other case of each ASCII letter in it.
    var ignoringCase: ScalarSet {
        var result = self
        let letters: [(from: UInt32, shift: Int32)] = [(0x41, 32), (0x61, -32)]
        for run in runs {
            for (from, shift) in letters {
                let first = max(run.first, from)
                let last = min(run.last, from + 25)
                guard first <= last else { continue }
                result.insert(
                    UInt32(bitPattern: Int32(bitPattern: first) + shift),
                    UInt32(bitPattern: Int32(bitPattern: last) + shift))
            }
        }
        result.normalise()
        return result
    }

    /// Whether `value` is in the set. **Complexity** O(log n).
    func contains(_ value: UInt32) -> Bool {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].last < value { low = middle + 1 } else { high = middle }
        }
        return low < runs.count && runs[low].first <= value
    }
}

extension ScalarSet {
    /// `\d`.
    static var digits: ScalarSet { ScalarSet([("0", "9")]) }
    /// `\w`.
    static var words: ScalarSet { ScalarSet([("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")]) }
    /// `\s`.
    static var spaces: ScalarSet {
        ScalarSet([("\t", "\n"), ("\u{C}", "\r"), (" ", " ")])
    }

    /// The class of POSIX called `name`, or nil.
    static func posix(_ name: String) -> ScalarSet? {
        switch name {
        case "alnum": ScalarSet([("0", "9"), ("A", "Z"), ("a", "z")])
        case "alpha": ScalarSet([("A", "Z"), ("a", "z")])
        case "ascii": ScalarSet([("\0", "\u{7F}")])
        case "blank": ScalarSet([("\t", "\t"), (" ", " ")])
        case "cntrl": ScalarSet([("\0", "\u{1F}"), ("\u{7F}", "\u{7F}")])
        case "digit": digits
        case "graph": ScalarSet([("!", "~")])
        case "lower": ScalarSet([("a", "z")])
        case "print": ScalarSet([(" ", "~")])
        case "punct": ScalarSet([("!", "/"), (":", "@"), ("[", "`"), ("{", "~")])
        case "space": ScalarSet([("\t", "\r"), (" ", " ")])
        case "upper": ScalarSet([("A", "Z")])
        case "word": words
        case "xdigit": ScalarSet([("0", "9"), ("A", "F"), ("a", "f")])
        default: nil
        }
    }
}
