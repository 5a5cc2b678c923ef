// SPDX-License-Identifier: Apache-2.0

import MeshTelemetry

extension Listings {
    /// The row of one mirror: what became of its copies, and how its answers compare with those of
    /// callers. A share or ratio of nothing is left empty.
    static func mirror(
        _ labels: MirrorLabels, _ totals: MirrorComparison
    ) -> [(String, Cell)] {
        let sent = totals.copies.enumerated().filter { !Self.notSent.contains($0.offset) }
        let failed = totals.copies.enumerated().filter { Self.failed.contains($0.offset) }
        return [
            ("route", .text(labels.route)), ("model", .text(labels.model)),
            ("mirror", .text(labels.mirror)), ("mirror_model", .text(labels.mirrorModel)),
            ("copies", .number(sum(sent.map(\.element)))),
            ("failed", .number(sum(failed.map(\.element)))),
            ("compared", .number(Int(clamping: totals.compared))),
            ("same_status", .text(percent(totals.sameStatus, of: totals.compared))),
            ("same_text", .text(percent(totals.sameText, of: totals.contents))),
            ("same_structure", .text(percent(totals.sameStructure, of: totals.contents))),
            ("same_values", .text(percent(totals.sameValues, of: totals.documents))),
            ("same_tools", .text(percent(totals.sameTools, of: totals.toolCalls))),
            ("similarity", .text(totals.meanSimilarity.map { decimal($0, digits: 3) } ?? "")),
            (
                "first_byte",
                .text(ratio(totals.mirror.firstByteSum, to: totals.primary.firstByteSum))
            ), ("total", .text(ratio(totals.mirror.totalSum, to: totals.primary.totalSum))),
            (
                "tokens_out", .text(ratio(totals.mirror.tokensOut, to: totals.primary.tokensOut))
            ), ("cost", .text(ratio(totals.mirror.cost, to: totals.primary.cost))),
        ]
    }

    private static let notSent = [CopyResult.busy, .barred].map { Int($0.rawValue) }
    private static let failed =
        [CopyResult.broken, .unreachable, .timeout].map { Int($0.rawValue) }

    private static func sum(_ counts: [UInt64]) -> Int {
        counts.reduce(0) { sum, count in
            let (total, isOver) = sum.addingReportingOverflow(Int(clamping: count))
            return isOver ? .max : total
        }
    }

    private static func percent(_ part: UInt64, of whole: UInt64) -> String {
        whole == 0 ? "" : decimal(Double(part) * 100 / Double(whole), digits: 1) + "%"
    }

    /// What the mirror needs in units of what callers' answers need.
    private static func ratio(_ mirror: UInt64, to primary: UInt64) -> String {
        primary == 0 ? "" : decimal(Double(mirror) / Double(primary), digits: 2) + "x"
    }

    private static func decimal(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = Int((min(value, 1e12) * scale).rounded())
        let unit = Int(scale)
        let rest = String(whole % unit)
        return "\(whole / unit)."
            + String(repeating: "0", count: max(0, digits - rest.count)) + rest
    }
}
