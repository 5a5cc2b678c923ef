// SPDX-License-Identifier: Apache-2.0

/// A pattern as a table: a deterministic automaton, one look-up for each scalar.
///
/// Made once, when the pattern is read, by following sets of threads instead of texts. Some
/// patterns need exponentially many sets: those that pass the bounds get no table.
///
/// **Source** Rabin and Scott, "Finite Automata and Their Decision Problems", 1959.
struct PatternTable: Sendable {
    /// The most states of one table.
    static let statesMax = 2_000
    /// The most entries, states times classes: half a megabyte.
    static let entriesMax = 1 << 18
    /// The most steps spent on making one table.
    static let stepsMax = 1_000_000

    /// State 0 is lost for good, state 1 is the front of the text.
    private static let lost = 0
    private static let front = 1

    /// The state behind a state and a class: entry `state * classes + class`.
    private var entries: [UInt16] = []
    /// Whether a text that ends in a state matches.
    private var accepts: [Bool] = [false]
    /// Whether no scalar leads out of a state, so that the rest of a text does not matter.
    private var isSettled: [Bool] = []
    private let classes: Int

    /// The table of `program`, or nil when it would pass a bound.
    init?(_ program: PatternProgram) {
        classes = program.alphabet.count
        var steps = 0
        var threads = PatternThreads(count: program.instructions.count)
        var numbers: [[Int]: Int] = [[]: Self.lost]
        threads.clear()
        threads.enter(0, of: program, atStart: true, atEnd: false)
        var states: [[Int]] = [[], threads.waiting.sorted()]
        var state = 0
        while state < states.count {
            for index in 0..<classes {
                threads.clear()
                for place in states[state] {
                    steps += 1
                    guard case .take(let set) = program.instructions[place],
                        program.holds(set, index)
                    else { continue }
                    threads.enter(place + 1, of: program, atStart: false, atEnd: false)
                }
                let places = threads.waiting.sorted()
                let number = numbers[places] ?? states.count
                if number == states.count {
                    numbers[places] = number
                    states.append(places)
                }
                entries.append(UInt16(truncatingIfNeeded: number))
                guard states.count <= Self.statesMax, states.count * classes <= Self.entriesMax,
                    steps + threads.steps <= Self.stepsMax
                else { return nil }
            }
            state += 1
        }
        accepts = states.indices.map { number in
            Self.accepts(
                states[number], of: program, atStart: number == Self.front, using: &threads)
        }
        isSettled = states.indices.map { number in
            (0..<classes).allSatisfy { Int(entries[number * classes + $0]) == number }
        }
    }

    /// Whether one of `places` matches when the text ends there.
    private static func accepts(
        _ places: [Int], of program: PatternProgram, atStart: Bool,
        using threads: inout PatternThreads
    ) -> Bool {
        threads.clear()
        for place in places {
            threads.enter(place, of: program, atStart: atStart, atEnd: true)
        }
        return threads.waiting.contains { program.instructions[$0] == .match }
    }

    /// Whether the whole of `bytes` matches. **Complexity** one look-up for each scalar, by
    /// which `steps` grows.
    func matches(_ bytes: RawSpan, _ alphabet: PatternAlphabet, steps: inout Int) -> Bool {
        var state = Self.front
        var offset = 0
        while offset < bytes.byteCount, !isSettled[state] {
            let index = alphabet.next(bytes, at: &offset)
            state = Int(entries[state &* classes &+ index])
            steps &+= 1
        }
        return accepts[state]
    }
}
