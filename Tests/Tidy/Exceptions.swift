// SPDX-License-Identifier: Apache-2.0

/// A file that may break a rule by a known amount.
///
/// The amount is exact: a larger one fails, and a smaller one fails until it is written here, so
/// that it only ever falls.
struct Exception: Sendable {
    /// The rule.
    var rule: Rule
    /// The file, from the root.
    var path: String
    /// The sum of what the rule finds there.
    var amount: Int
    /// Why the better file is the one that breaks the rule.
    var reason: String

    /// All of them.
    static let all: [Exception] = [
        Exception(
            rule: .names, path: "Sources/MeshModel/YAMLTree.swift", amount: 1,
            reason: "YAML 1.2.2 section 10.3 calls its own schema the Core Schema.")
    ]
}
