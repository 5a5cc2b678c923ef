// SPDX-License-Identifier: Apache-2.0

/// Turns the tree of a pattern into instructions.
struct PatternCompiler {
    /// The most nodes compiled, copies by repetition among them. It also bounds repetitions of
    /// nothing, such as `(?:(?:){1000}){1000}`, which make no instructions.
    static let nodesMax = 50_000

    private(set) var instructions: [PatternProgram.Instruction] = []
    /// The sets that instructions name by number.
    private(set) var sets: [ScalarSet] = []
    private var numbers: [ScalarSet: Int] = [:]
    private var nodes = 0

    /// Appends one instruction.
    mutating func emit(_ instruction: PatternProgram.Instruction) throws(PatternFault) {
        guard instructions.count < PatternProgram.instructionsMax else {
            throw PatternFault(.tooLarge, at: 0)
        }
        instructions.append(instruction)
    }

    /// Appends the instructions of `node`, which go on behind themselves.
    mutating func compile(_ node: PatternNode) throws(PatternFault) {
        nodes += 1
        guard nodes <= Self.nodesMax else { throw PatternFault(.tooLarge, at: 0) }
        switch node {
        case .empty: break
        case .one(let set): try emit(.take(number(of: set)))
        case .start: try emit(.start)
        case .end: try emit(.end)
        case .sequence(let parts):
            for part in parts { try compile(part) }
        case .either(let branches): try compile(either: branches)
        case .repeated(let body, let least, let most):
            try compile(body, least: least, most: most)
        }
    }

    private mutating func number(of set: ScalarSet) -> Int {
        if let known = numbers[set] { return known }
        numbers[set] = sets.count
        sets.append(set)
        return sets.count - 1
    }

    private mutating func compile(either branches: [PatternNode]) throws(PatternFault) {
        var jumps: [Int] = []
        for branch in branches.dropLast() {
            let split = instructions.count
            try emit(.split(split + 1, 0))
            try compile(branch)
            jumps.append(instructions.count)
            try emit(.jump(0))
            instructions[split] = .split(split + 1, instructions.count)
        }
        if let last = branches.last { try compile(last) }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func compile(
        _ body: PatternNode, least: Int, most: Int?
    ) throws(PatternFault) {
        for _ in 0..<least { try compile(body) }
        guard let most else {
            let split = instructions.count
            try emit(.split(split + 1, 0))
            try compile(body)
            try emit(.jump(split))
            instructions[split] = .split(split + 1, instructions.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<most {
            splits.append(instructions.count)
            try emit(.split(instructions.count + 1, 0))
            try compile(body)
        }
        for split in splits { instructions[split] = .split(split + 1, instructions.count) }
    }
}
