// SPDX-License-Identifier: Apache-2.0

/// A regular expression that matches in time linear in the text, whatever the pattern.
///
/// Patterns come from tenants and texts from callers: with a matcher that goes back to try again,
/// `(a+)+$` and one long header stop a whole event loop. This one never goes back. It takes
/// what can be matched so, in the syntax of RE2: literals, `.`, classes with ranges, `\d \w \s`
/// and `[[:alpha:]]`, groups of all kinds (as grouping only), `|`, `* + ? {m,n}` greedy or lazy,
/// `^ $ \A \z` for the ends of the text, `\Q…\E`, and the flags `i` and `s`. Back-references,
/// look-around, `\b` and `\p` are refused with their place.
///
/// Texts are UTF-8; a byte that is not counts as U+FFFD. The flag `i` folds ASCII letters only.
///
/// ```
///  text ──parse──▶ tree ──compile──▶ program ──follow──▶ table, if it has ≤ 2,000 states
///                                       └──────────────▶ else all threads side by side
/// ```
///
/// Invariant: a match with a table allocates nothing.
package struct LinearPattern: Sendable {
    /// The pattern as it was written.
    package let text: String
    private let whole: PatternMachine
    private let anywhere: PatternMachine

    /// The pattern that `text` spells.
    ///
    /// **Errors** what is unknown or unsupported, with its place; `.tooLarge` above 10,000
    /// instructions. **Complexity** bounded by `PatternTable.stepsMax`.
    package init(_ text: String) throws(PatternFault) {
        let node = try PatternParser.parse(text)
        self.text = text
        let rest = PatternNode.repeated(.one(.all), least: 0, most: nil)
        whole = try PatternMachine(node)
        anywhere = try PatternMachine(.sequence([rest, node, rest]))
    }

    /// Whether all of `bytes` matches, as Envoy and the Gateway API mean it.
    package func matchesWhole(_ bytes: RawSpan) -> Bool {
        var steps = 0
        return whole.matches(bytes, steps: &steps)
    }

    /// Whether some part of `bytes` matches.
    package func contains(_ bytes: RawSpan) -> Bool {
        var steps = 0
        return anywhere.matches(bytes, steps: &steps)
    }

    /// Count of automaton steps that `matchesWhole` and `contains` take for `bytes`, together.
    package func stepCount(_ bytes: RawSpan) -> Int {
        var steps = 0
        _ = whole.matches(bytes, steps: &steps)
        _ = anywhere.matches(bytes, steps: &steps)
        return steps
    }

    /// Whether the whole match is decided by a table.
    package var hasTable: Bool { whole.table != nil }
}

extension LinearPattern: Hashable {
    // Compared by bytes: strings are equal under canonical equivalence, patterns are not.
    package static func == (a: LinearPattern, b: LinearPattern) -> Bool {
        a.text.utf8.elementsEqual(b.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

/// A program with its table, if it has one.
struct PatternMachine: Sendable {
    let program: PatternProgram
    let table: PatternTable?

    /// The machine of `node`; without `table` it always follows threads.
    init(_ node: PatternNode, table isTabled: Bool = true) throws(PatternFault) {
        program = try PatternProgram(node)
        table = isTabled ? PatternTable(program) : nil
    }

    /// Whether the whole of `bytes` matches.
    func matches(_ bytes: RawSpan, steps: inout Int) -> Bool {
        if let table { return table.matches(bytes, program.alphabet, steps: &steps) }
        return program.matchesByThreads(bytes, steps: &steps)
    }
}
