// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

struct RunChartTests {
    @Test("marks are round and cover the values")
    func ticks() {
        #expect(Axis(linearTo: 47).ticks == [0, 10, 20, 30, 40, 50])
        #expect(Axis(linearTo: 101).ticks == [0, 50, 100, 150])
        #expect(Axis(linearTo: 80).ticks == [0, 20, 40, 60, 80])
        #expect(Axis(linearTo: 0).ticks.count >= 2)
        #expect(Axis(exactlyTo: 62).ticks == [0, 10, 20, 30, 40, 50, 60])
        let logarithmic = Axis(logarithmicFrom: 30, to: 4000)
        #expect(logarithmic.ticks == [10, 100, 1000, 10_000])
        #expect(abs(logarithmic.place(of: 100) - 1.0 / 3) < 1e-9)
        #expect(logarithmic.place(of: 1) == 0 && logarithmic.place(of: 1e9) == 1)
    }

    @Test("a chart shows both runs, escapes their names and stays small")
    func chart() {
        let runs = ["a<b", "c&d"].enumerated().map { index, name in
            RunReportTests.report(
                RunReportTests.observations(seed: UInt64(index + 1), count: 900), name: name)
        }
        let svg = RunChart(runs, caption: "made \"up\"").svg
        #expect(svg.contains("a&lt;b") && svg.contains("c&amp;d"))
        #expect(!svg.contains("a<b") && !svg.contains("NaN") && !svg.contains("inf"))
        for style in ["l0", "l1", "l0 low", "l1 low", "sent"] {
            #expect(svg.contains("class=\"\(style)\""), "\(style)")
        }
        #expect(svg.contains("prefers-color-scheme:dark"))
        #expect(!svg.contains("<script") && !svg.contains("href"))
        #expect(svg.utf8.count < 128 * 1024)
        // Every element that is opened is closed.
        for tag in ["svg", "text", "title", "desc", "style"] {
            let opened = svg.components(of: "<\(tag) ") + svg.components(of: "<\(tag)>")
            #expect(opened == svg.components(of: "</\(tag)>"), "\(tag)")
        }
        let report = ReportText(runs: runs, seed: 1, notes: ["so"])
        let page = ReportPage.html(report, chart: RunChart(runs, caption: "c"), caption: "c")
        #expect(page.contains("<svg") && page.contains("a&lt;b against c&amp;d"))
        #expect(page.components(of: "<tr>") == page.components(of: "</tr>"))
    }
}

extension String {
    /// How often `part` stands in the text.
    fileprivate func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let found = rest.firstRange(of: part) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}
