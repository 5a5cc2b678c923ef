// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshWire

/// What the search of a `RouteTable` looks at: flat arrays that point into each other by number.
///
/// A class only so that a copy of a table costs one reference; nothing in it ever changes.
package final class RouteIndex: Sendable {
    /// From exact hostnames to groups, scope 0.
    package let hosts: RouteKeys
    /// From wildcard hostnames without `*.` to groups, scope 0.
    package let wildcards: RouteKeys
    /// Bit `n` of this row of words says whether a key of `n` bytes occurs in `wildcards`.
    package let wildcardLengths: [UInt64]
    /// The group of routes without hostname, or -1.
    package let anyHost: Int32
    /// One for each hostname that occurs.
    package let groups: [Group]
    /// From exact paths to the first candidate of a run; the scope is the group.
    package let exactPaths: RouteKeys
    /// From path prefixes without trailing slash to the first candidate of a run.
    package let prefixes: RouteKeys
    /// For each group a row of words; bit `n` says whether it has a prefix of `n` bytes.
    package let prefixLengths: [UInt64]
    /// One for each entry of the table, in its order.
    package let candidates: [Candidate]
    /// Conditions of candidates that have any.
    package let conditions: [Conditions]
    /// Conditions on fields, those of one `Conditions` in a row.
    package let fields: [Field]
    /// Every pattern.
    package let patterns: [LinearPattern]
    /// Every method, name and value.
    package let text: [UInt8]

    /// The routes of one hostname.
    package struct Group: Sendable {
        /// Whether any of them has an exact path.
        package var hasExactPaths = false
        /// Where its words are in `prefixLengths`.
        package var prefixLengths: Range<Int32> = 0..<0
        /// Which candidates have a pattern for a path.
        package var patterns: Range<Int32> = 0..<0
    }

    /// One entry of the table, reduced to what the search needs.
    package struct Candidate: Sendable {
        /// What applies when the candidate matches.
        package var rule: RuleID
        /// Which of `conditions` must hold, or -1 for none.
        package var conditions: Int32
        /// Whether the next candidate has another hostname or path.
        package var isLast: Bool
    }

    /// What must hold besides hostname and literal path.
    package struct Conditions: Sendable, Hashable {
        /// Which of `patterns` the path must match, or -1.
        package var path: Int32 = -1
        /// The method in `text`; empty for any.
        package var method = ByteRange.empty
        /// The header fields, in `fields`.
        package var headers: Range<Int32> = 0..<0
        /// The query parameters, in `fields`.
        package var query: Range<Int32> = 0..<0
    }

    /// A condition on one field.
    package struct Field: Sendable {
        /// The name in `text`.
        package var name: ByteRange
        /// The value in `text`, when `pattern` is -1.
        package var value: ByteRange
        /// Which of `patterns` the value must match, or -1.
        package var pattern: Int32
    }

    /// The index of `entries`, which are in normal form and in order of precedence.
    init(sorted entries: [RouteEntry]) {
        var builder = RouteIndexBuilder()
        for i in entries.indices {
            builder.add(entries[i], next: i + 1 < entries.count ? entries[i + 1] : nil)
        }
        builder.endGroup()
        hosts = builder.hosts
        wildcards = builder.wildcards
        wildcardLengths = builder.wildcardLengths
        anyHost = builder.anyHost
        groups = builder.groups
        exactPaths = builder.exactPaths
        prefixes = builder.prefixes
        prefixLengths = builder.prefixLengths
        candidates = builder.candidates
        conditions = builder.conditions
        fields = builder.fields
        patterns = builder.patterns
        text = builder.text
    }
}
