// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRollout
import MeshSnapshot

/// One rollout in full: where it stands, what its checks say, what it went through.
struct RolloutDescription {
    private let facts: [(String, Cell)]
    private let checks: [[(String, Cell)]]
    private let history: [[(String, Cell)]]

    init(_ rollout: Rollout) {
        let state = rollout.state
        facts = [
            ("name", .text(rollout.plan.name)), ("target", .text(rollout.plan.target)),
            ("stable", .text(rollout.plan.stable)), ("canary", .text(rollout.plan.canary)),
            ("phase", .text(state.phase.rawValue)),
            ("step", .text("\(state.step + 1) of \(rollout.plan.steps.count)")),
            ("weight", .number(rollout.share.weight)),
            ("held", .text(Self.held(rollout))),
            ("waiting", .text(rollout.obstacle ?? "")),
            ("reason", .text(state.reason)), ("since", .text(Self.time(state.since))),
        ]
        checks = rollout.findings.map { finding in
            [
                ("measure", .text(finding.measure)), ("canary", .text(finding.canary ?? "")),
                ("stable", .text(finding.stable ?? "")), ("bound", .text(finding.bound)),
                ("samples", .number(Int(clamping: finding.samples))),
                ("verdict", .text(finding.verdict.label)),
            ]
        }
        history = state.history.reversed().map { passage in
            [
                ("time", .text(Self.time(passage.at))), ("phase", .text(passage.phase.rawValue)),
                ("step", .number(passage.step + 1)), ("reason", .text(passage.reason)),
            ]
        }
    }

    /// The description as `pinion rollout status NAME` prints it.
    func rendered(as format: OutputFormat) -> String {
        switch format {
        case .text:
            let width = (facts.map(\.0.count).max() ?? 0) + 2
            var lines = facts.map { name, value in
                let title = "\(name.prefix(1).uppercased())\(name.dropFirst()):"
                let plain = name == "weight" ? "\(value.plain) %" : value.plain
                return title + String(repeating: " ", count: width - title.count + 1)
                    + (plain.isEmpty ? "-" : plain)
            }
            if !checks.isEmpty { lines += ["", Table.aligned(checks)] }
            return (lines + ["", Table.aligned(history)]).joined(separator: "\n")
        case .json:
            let plain = facts.map { "\"\($0.0)\":\($0.1.json)" }
            let tables = [("checks", checks), ("history", history)].map { name, rows in
                "\"\(name)\":\(Table.rendered(rows, as: .json))"
            }
            return "{" + (plain + tables).joined(separator: ",\n ") + "}"
        case .yaml:
            let plain = facts.map { "\($0.0): \($0.1.json)" }
            let tables = [("checks", checks), ("history", history)].map { name, rows in
                let text = Table.rendered(rows, as: .yaml)
                return rows.isEmpty ? "\(name): []" : "\(name):\n\(text)"
            }
            return (plain + tables).joined(separator: "\n")
        }
    }

    /// How long the present step has lasted, of how long it has to.
    static func held(_ rollout: Rollout) -> String {
        guard rollout.state.phase.isLive else { return "" }
        return "\(Int(rollout.state.held.seconds))s of \(Int(rollout.step.hold.seconds))s"
    }

    /// A time on the calendar as RFC 3339 has it.
    static func time(_ nanoseconds: Int64) -> String {
        var text: [UInt8] = []
        WallTime(nanoseconds: nanoseconds / 1_000_000_000 * 1_000_000_000)
            .appendRFC3339(to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

extension Listings {
    /// The row of one rollout.
    static func rollout(_ rollout: Rollout) -> [(String, Cell)] {
        let state = rollout.state
        return [
            ("rollout", .text(rollout.plan.name)), ("target", .text(rollout.plan.target)),
            ("canary", .text(rollout.plan.canary)), ("phase", .text(state.phase.rawValue)),
            ("step", .text("\(state.step + 1)/\(rollout.plan.steps.count)")),
            ("weight", .number(rollout.share.weight)),
            ("held", .text(RolloutDescription.held(rollout))),
            ("reason", .text(rollout.obstacle ?? state.reason)),
        ]
    }
}
