// SPDX-License-Identifier: Apache-2.0

/// One or two runs as a page of HTML that needs nothing else: figures, picture, servers.
package enum ReportPage {
    /// The page.
    package static func html(_ report: ReportText, chart: RunChart, caption: String) -> String {
        let names = report.runs.map(\.name).joined(separator: " against ")
        let words = (report.comparison?.sentences ?? [])
            .map { "<p><strong>\(SVG.escaped($0))</strong></p>" }.joined(separator: "\n")
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>Simulation of \(SVG.escaped(names))</title>
            <style>
            \(style)
            </style>
            </head>
            <body>
            <h1>\(SVG.escaped(names))</h1>
            <p>\(SVG.escaped(caption))</p>
            \(words)
            \(table(report.figures + report.failureRows))
            <figure>
            \(chart.svg)</figure>
            \(report.runs.map { servers($0) }.joined(separator: "\n"))
            \(report.notes.map { "<p>\(SVG.escaped($0)).</p>" }.joined(separator: "\n"))
            </body>
            </html>

            """
    }

    private static let style = """
        body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
        table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
        th,td{padding:.2rem .8rem;border-bottom:1px solid #8884;text-align:right}
        th:first-child,td:first-child{text-align:left}
        figure{margin:1rem 0}svg{width:100%;height:auto}
        body{background:#fff;color:#1f2937}
        @media(prefers-color-scheme:dark){body{background:#0f172a;color:#e5e7eb}}
        """

    private static func servers(_ run: RunReport) -> String {
        "<h2>Servers of \(SVG.escaped(run.name))</h2>\n" + table(ReportText.servers(of: run))
    }

    /// The first row is the head.
    private static func table(_ rows: [[String]]) -> String {
        let lines = rows.enumerated().map { index, row in
            let tag = index == 0 ? "th" : "td"
            let cells = row.map { "<\(tag)>\(SVG.escaped($0))</\(tag)>" }.joined()
            return "<tr>\(cells)</tr>"
        }
        return "<table>\n\(lines.joined(separator: "\n"))\n</table>"
    }
}
