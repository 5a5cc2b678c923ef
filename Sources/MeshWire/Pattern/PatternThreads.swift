// SPDX-License-Identifier: Apache-2.0

/// The places in a program that are alive at one place in the text.
///
/// Each instruction is entered at most once for one place in the text, whatever loops the
/// pattern has: that is what makes matching linear.
struct PatternThreads {
    /// The instructions that wait: those that take a scalar, ask for the end, or match.
    private(set) var waiting: [Int] = []
    /// Count of instructions entered since the beginning.
    private(set) var steps = 0
    private var stamps: [Int]
    private var stamp = 0
    private var pending: [Int] = []

    /// No thread, in a program of `count` instructions.
    init(count: Int) { stamps = Array(repeating: 0, count: count) }

    /// Forgets all threads.
    mutating func clear() {
        waiting.removeAll(keepingCapacity: true)
        stamp += 1
    }

    /// Enters the instruction at `entry` and all that follow from it without taking a scalar.
    mutating func enter(
        _ entry: Int, of program: PatternProgram, atStart: Bool, atEnd: Bool
    ) {
        pending.append(entry)
        while let place = pending.popLast() {
            guard stamps[place] != stamp else { continue }
            stamps[place] = stamp
            steps += 1
            switch program.instructions[place] {
            case .take, .match: waiting.append(place)
            case .split(let first, let second):
                pending.append(second)
                pending.append(first)
            case .jump(let target): pending.append(target)
            case .start:
                if atStart { pending.append(place + 1) }
            case .end:
                if atEnd { pending.append(place + 1) } else { waiting.append(place) }
            }
        }
    }
}

extension PatternProgram {
    /// Whether the whole of `bytes` matches, found by following all threads side by side.
    ///
    /// **Complexity** O(instructions x bytes); `steps` grows by the instructions entered.
    func matchesByThreads(_ bytes: RawSpan, steps: inout Int) -> Bool {
        var now = PatternThreads(count: instructions.count)
        var next = PatternThreads(count: instructions.count)
        defer { steps += now.steps + next.steps }
        now.clear()
        now.enter(0, of: self, atStart: true, atEnd: bytes.byteCount == 0)
        var offset = 0
        while offset < bytes.byteCount {
            if now.waiting.isEmpty { return false }
            let index = alphabet.next(bytes, at: &offset)
            next.clear()
            for place in now.waiting {
                guard case .take(let set) = instructions[place], holds(set, index) else {
                    continue
                }
                next.enter(
                    place + 1, of: self, atStart: false, atEnd: offset == bytes.byteCount)
            }
            swap(&now, &next)
        }
        return now.waiting.contains { instructions[$0] == .match }
    }
}
