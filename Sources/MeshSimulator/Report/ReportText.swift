// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshModel

/// One or two runs as a person or a program reads them.
package struct ReportText: Sendable {
    /// The runs: one, or two that are compared.
    package var runs: [RunReport]
    /// The seed of all chance.
    package var seed: UInt64
    /// What was assumed, one sentence each.
    package var notes: [String]

    /// The runs with the seed they share and what was assumed.
    package init(runs: [RunReport], seed: UInt64, notes: [String]) {
        self.runs = RunReport.aligned(runs)
        self.seed = seed
        self.notes = notes
    }

    /// How the second run compares with the first.
    package var comparison: Comparison? {
        runs.count == 2 ? Comparison(runs[0], runs[1]) : nil
    }

    // MARK: For people

    /// Tables as columns, and what they say in words.
    package var table: String {
        var blocks = [Self.aligned(figures)]
        if runs.contains(where: { !$0.failures.isEmpty }) {
            blocks.append("Not answered:\n" + Self.aligned(failureRows))
        }
        for run in runs {
            let title = runs.count > 1 ? "Servers, \(run.name):\n" : "Servers:\n"
            blocks.append(title + Self.aligned(Self.servers(of: run), textColumns: 2))
        }
        if let comparison { blocks.append(comparison.sentences.joined(separator: "\n")) }
        if !notes.isEmpty { blocks.append(notes.map { "Note: \($0)." }.joined(separator: "\n")) }
        return blocks.joined(separator: "\n\n")
    }

    /// A row for every figure, and one above with the names of the runs.
    var figures: [[String]] {
        guard let first = runs.first else { return [] }
        var rows = [[""] + runs.map(\.name) + (runs.count == 2 ? ["difference"] : [])]
        for index in first.metrics.indices {
            var row = [first.metrics[index].label] + runs.map { $0.metrics[index].text }
            if let comparison { row.append(comparison.differences[index].text) }
            rows.append(row)
        }
        return rows
    }

    /// A row for every way to fail that any run saw.
    var failureRows: [[String]] {
        var names: [String] = []
        for failure in runs.flatMap(\.failures) where !names.contains(failure.name) {
            names.append(failure.name)
        }
        return names.sorted().map { name in
            [name]
                + runs.map { run in
                    let count = run.failures.first { $0.name == name }?.count ?? 0
                    return Figure.fixed(Double(count), decimals: 0)
                }
        }
    }

    /// A row for every server, and one above with the names of the columns.
    static func servers(of run: RunReport) -> [[String]] {
        [["ENDPOINT", "PROFILE", "ANSWERED", "BUSY", "CACHE HITS", "PREEMPTIONS", "TOKENS"]]
            + run.servers.map { server in
                [
                    server.endpoint, server.profile,
                    Figure.fixed(Double(server.answered), decimals: 0),
                    Figure.fixed(server.busy * 100, decimals: 0) + " %",
                    server.cacheHits.map { Figure.fixed($0 * 100, decimals: 1) + " %" } ?? "-",
                    Figure.fixed(Double(server.preemptions), decimals: 0),
                    Figure.fixed(Double(server.tokens), decimals: 0),
                ]
            }
    }

    /// Rows as columns: the first ones to the left, figures to the right.
    private static func aligned(_ rows: [[String]], textColumns: Int = 1) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                let pad = String(repeating: " ", count: widths[column] - text.count)
                if column > 0 { line += "   " }
                line += column < textColumns ? text + pad : pad + text
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    // MARK: For programs

    /// Everything, with the course of each run.
    package var json: JSONText {
        var members: [JSONText.Member] = [
            .init("seed", seed <= UInt64(Int.max) ? .number(Int(seed)) : .text("\(seed)")),
            .init("runs", .list(runs.map { Self.json(of: $0) })),
        ]
        if let comparison {
            let differences = comparison.differences.map { difference in
                JSONText.Member(
                    difference.first.key,
                    difference.change.map { .fixed(Int(($0 * 10_000).rounded()), decimals: 4) }
                        ?? .null)
            }
            members.append(
                .init(
                    "comparison",
                    .object([
                        .init("sentences", .list(comparison.sentences.map { .text($0) })),
                        .init("relative_changes", .object(differences)),
                    ])))
        }
        members.append(.init("notes", .list(notes.map { .text($0) })))
        return .object(members)
    }

    private static func json(of run: RunReport) -> JSONText {
        .object([
            .init("name", .text(run.name)),
            .init("window_ms", .fixed(Int(run.window.rawValue / 1000), decimals: 3)),
            .init("ended_ms", .fixed(Int(run.ended.nanoseconds / 1000), decimals: 3)),
            .init("figures", .object(run.metrics.map { .init($0.key, $0.json) })),
            .init(
                "failures",
                .list(
                    run.failures.map { failure in
                        .object([
                            .init("code", .text(failure.name)),
                            .init("count", .number(failure.count)),
                        ])
                    })),
            .init("servers", .list(run.servers.map { json(of: $0) })),
            .init("course", course(of: run.bins.joined(atMost: 60))),
        ])
    }

    private static func json(of server: RunReport.ServerReport) -> JSONText {
        .object([
            .init("endpoint", .text(server.endpoint)), .init("profile", .text(server.profile)),
            .init("answered", .number(server.answered)),
            .init("busy_ratio", .fixed(Int((server.busy * 10_000).rounded()), decimals: 4)),
            .init(
                "cache_hit_ratio",
                server.cacheHits.map { .fixed(Int(($0 * 10_000).rounded()), decimals: 4) }
                    ?? .null),
            .init("preemptions", .number(server.preemptions)),
            .init("output_tokens", .number(server.tokens)),
        ])
    }

    private static func course(of bins: TimeBins) -> JSONText {
        func quantiles(_ share: Double) -> JSONText {
            .list(
                bins.bins.map { bin in
                    bin.firstToken.quantile(share).map { .fixed(Int($0 / 1000), decimals: 3) }
                        ?? .null
                })
        }
        return .object([
            .init("piece_ms", .number(Int(bins.width.rawValue / 1_000_000))),
            .init("sent", .list(bins.bins.map { .number($0.sent) })),
            .init("answered", .list(bins.bins.map { .number($0.answered) })),
            .init("not_answered", .list(bins.bins.map { .number($0.failed) })),
            .init("output_tokens", .list(bins.bins.map { .number(Int($0.tokens.rounded())) })),
            .init("ttft_p50_ms", quantiles(0.5)), .init("ttft_p95_ms", quantiles(0.95)),
        ])
    }
}
