// SPDX-License-Identifier: Apache-2.0

/// The bounds of this target. What an operator writes is trusted, but a mistake in a template
/// can still produce a file that would never end.
enum Limits {
    /// Nodes of one YAML document after its aliases are expanded; an alias bomb ends here.
    static let documentNodesMax = 500_000
    /// Levels of nesting in one document; the deepest field we know lies at 12.
    static let nestingMax = 64
    /// Duplicate keys that are reported in one document.
    static let duplicateKeysMax = 50
    /// Characters of a value that a message repeats.
    static let quotedCharactersMax = 80
    /// Blank lines in front of a block of text that are looked past for its first line.
    static let blankLinesMax = 8
}
