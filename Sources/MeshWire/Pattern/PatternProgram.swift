// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A pattern as a list of instructions: a non-deterministic automaton.
///
/// **Source** Cox, "Regular Expression Matching: the Virtual Machine Approach".
struct PatternProgram: Sendable {
    /// One instruction; those without a target go on to the next one.
    enum Instruction: Hashable, Sendable {
        /// Takes one scalar whose class is in the set with this number.
        case take(Int)
        /// Goes on at both places.
        case split(Int, Int)
        case jump(Int)
        /// Goes on only at the front or at the end of the text.
        case start, end
        case match
    }

    /// The most instructions of one program.
    static let instructionsMax = 10_000
    /// The most entries of the table that tells which set holds which class.
    static let membershipMax = 1 << 20

    private(set) var instructions: [Instruction] = []
    /// Scalars that no set tells apart share one class.
    private(set) var alphabet: PatternAlphabet
    /// Whether the set with a number holds a class: entry `set * alphabet.count + class`.
    private(set) var membership: [Bool] = []

    /// The program of `node`.
    ///
    /// **Errors** `.tooLarge` above the bounds, noticed before more than them is made.
    init(_ node: PatternNode) throws(PatternFault) {
        var compiler = PatternCompiler()
        try compiler.compile(node)
        try compiler.emit(.match)
        instructions = compiler.instructions
        alphabet = PatternAlphabet(telling: compiler.sets)
        guard compiler.sets.count * alphabet.count <= Self.membershipMax else {
            throw PatternFault(.tooLarge, at: 0)
        }
        for set in compiler.sets {
            for index in 0..<alphabet.count {
                membership.append(set.contains(alphabet.firsts[index]))
            }
        }
    }

    /// Whether the set with the number `set` holds the scalars of `index`.
    @inline(__always)
    func holds(_ set: Int, _ index: Int) -> Bool { membership[set * alphabet.count + index] }
}

/// The classes of scalars that a program tells apart.
struct PatternAlphabet: Sendable {
    /// The first scalar of each class that is a run; ascending, from 0.
    private(set) var firsts: [UInt32]
    /// The class of each ASCII byte.
    private var ascii: [UInt16]

    /// The coarsest classes that `sets` do not divide.
    init(telling sets: [ScalarSet]) {
        var bounds: [UInt32] = [0]
        for set in sets {
            for run in set.runs {
                bounds.append(run.first)
                if run.last < ScalarSet.scalarMax { bounds.append(run.last + 1) }
            }
        }
        bounds.sort()
        firsts = []
        for bound in bounds where firsts.last != bound { firsts.append(bound) }
        ascii = []
        for byte in 0..<128 {
            var index = 0
            while index + 1 < firsts.count, firsts[index + 1] <= UInt32(byte) { index += 1 }
            ascii.append(UInt16(truncatingIfNeeded: index))
        }
    }

    /// Count of classes.
    var count: Int { firsts.count }

    /// The class of the scalar at `offset`, which moves behind it. A byte that is not part of
    /// well-formed UTF-8 counts as U+FFFD, so that every text can be matched.
    @inline(__always)
    func next(_ bytes: RawSpan, at offset: inout Int) -> Int {
        let byte = bytes[offset]
        if byte < 0x80 {
            offset &+= 1
            return Int(ascii[Int(byte)])
        }
        let count = UTF8Sequence.count(bytes, at: offset)
        let scalar =
            count == 0 ? 0xFFFD : UTF8Sequence.scalar(bytes, at: offset, count: count)
        offset &+= max(1, count)
        return search(scalar)
    }

    private func search(_ scalar: UInt32) -> Int {
        var low = 0
        var high = firsts.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if firsts[middle] <= scalar { low = middle } else { high = middle }
        }
        return low
    }
}
