// SPDX-License-Identifier: Apache-2.0

import Testing

/// One place that breaks a rule.
struct Finding: Sendable, Hashable {
    /// The file, from the root.
    var path: String
    /// The line, counted from 1.
    var line: Int
    /// What is wrong there and what to do instead.
    var message: String
    /// How much is wrong: what an exception for the file bounds. 1, or a length where the rule
    /// is about one.
    var amount = 1
}

/// The rules, as exceptions name them.
enum Rule: String, Sendable {
    case imports, bans, license, fileLength, lineLength, functionLength, names
    case documentation, markers, links, blobs, hosts
}

/// What remains of `findings` after the `exceptions` for `rule`: a line for each place that no
/// exception covers, and a line for each exception that allows more than it needs to.
func remaining(
    of findings: [Finding], for rule: Rule, exceptions: [Exception]
) -> [String] {
    var lines: [String] = []
    let exceptions = exceptions.filter { $0.rule == rule }
    for exception in exceptions {
        let amount = findings.filter { $0.path == exception.path }.reduce(0) { $0 + $1.amount }
        if amount < exception.amount {
            lines.append(
                "Tests/Tidy/Exceptions.swift: \(rule.rawValue) of \(exception.path) is "
                    + "\(amount), not \(exception.amount): lower the number, or drop it at 0")
        } else if amount > exception.amount {
            lines.append(
                "\(exception.path): \(rule.rawValue) rose to \(amount) from "
                    + "\(exception.amount): an exception may only fall")
        }
    }
    let excused = exceptions.filter { exception in
        findings.filter { $0.path == exception.path }.reduce(0) { $0 + $1.amount }
            <= exception.amount
    }
    for finding in findings where !excused.contains(where: { $0.path == finding.path }) {
        lines.append("\(finding.path):\(finding.line): \(finding.message)")
    }
    return lines
}

/// Fails the test with every place of `findings` that is not excused.
func expectNone(_ findings: [Finding], _ rule: Rule) {
    let lines = remaining(of: findings, for: rule, exceptions: Exception.all)
    guard !lines.isEmpty else { return }
    let shown = lines.prefix(60).joined(separator: "\n")
    let rest = lines.count > 60 ? "\n… and \(lines.count - 60) more" : ""
    Issue.record("\(lines.count) to mend:\n\(shown)\(rest)")
}
