// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// One or two runs as a picture: time to first token, throughput and the load of every server,
/// over the time of the run.
///
/// The picture is one SVG without script, fonts or references: it can be put into a document, and
/// follows its reader's choice of light or dark.
package struct RunChart: Sendable {
    /// Pieces of time at most: more would show noise.
    private static let pieces = 90
    /// Servers that are drawn; more would be lines too thin to see.
    static let serversMax = 64

    private let runs: [RunReport]
    private let bins: [TimeBins]
    private let end: Double
    private let caption: String

    private static let width = 960.0
    private static let left = 104.0
    private static let right = 24.0
    private static let panelHeight = 150.0

    /// A picture of one run or of two that are compared.
    package init(_ runs: [RunReport], caption: String) {
        self.runs = Array(runs.prefix(2))
        self.caption = caption
        bins = self.runs.map { $0.bins.joined(atMost: Self.pieces) }
        end = self.runs.map { max($0.window.seconds, Double($0.ended.nanoseconds) / 1e9) }
            .reduce(0.001) { max($0, $1) }
    }

    /// The document.
    package var svg: String {
        var svg = SVG()
        let names = runs.map(\.name).joined(separator: " and ")
        svg.text("Simulated: \(names)", x: Self.left, y: 30, style: "title")
        svg.text(caption, x: Self.left, y: 50, style: "soft")
        legend(&svg)
        var top = 100.0
        firstTokens(&svg, top)
        top += Self.panelHeight + 64
        requests(&svg, top)
        top += Self.panelHeight + 64
        tokens(&svg, top)
        top += Self.panelHeight + 64
        let most = max(1, bins.map(Self.loadMax).max() ?? 1)
        for index in runs.indices {
            top = load(&svg, run: index, top: top, most: most)
        }
        return svg.document(
            width: Self.width, height: top, title: "Simulation of \(names)",
            description: "Time to first token, requests, tokens and load of servers over time. "
                + caption)
    }

    private func legend(_ svg: inout SVG) {
        var x = Self.left
        for (index, run) in runs.enumerated() {
            svg.rectangle(x: x, y: 63, width: 18, height: 4, style: "f\(index)")
            svg.text(run.name, x: x + 24, y: 70, style: "ink")
            x += 48 + Double(run.name.count) * 7
        }
    }

    // MARK: Panels

    private func firstTokens(_ svg: inout SVG, _ top: Double) {
        func series(_ share: Double) -> [[Double?]] {
            bins.map { $0.bins.map { $0.firstToken.quantile(share).map { Double($0) } } }
        }
        let (middle, high) = (series(0.5), series(0.95))
        let values = (middle + high).flatMap { $0 }.compactMap { $0 }.filter { $0 > 0 }
        let (least, most) = (values.min() ?? 1e6, values.max() ?? 1e8)
        // A run that drowns would press the other one flat.
        let axis =
            most > 25 * least
            ? Axis(logarithmicFrom: least, to: most)
            : Axis(Axis(linearTo: most / Self.unit(most)), factor: Self.unit(most))
        frame(
            &svg, top, "Time to first token of requests sent then: p95, and p50 dashed", axis
        ) { Figure.plainTime($0) }
        for index in runs.indices {
            draw(&svg, middle[index], width: bins[index], axis, top, "l\(index) low")
            draw(&svg, high[index], width: bins[index], axis, top, "l\(index)")
        }
    }

    /// The unit in which a time's marks are round.
    private static func unit(_ nanoseconds: Double) -> Double {
        nanoseconds >= 1e9 ? 1e9 : nanoseconds >= 1e6 ? 1e6 : 1e3
    }

    private func requests(_ svg: inout SVG, _ top: Double) {
        let sent = rates(0) { Double($0.sent) }
        let answered = bins.indices.map { rates($0) { Double($0.answered) } }
        let most = ([sent] + answered).flatMap { $0 }.compactMap { $0 }.max() ?? 1
        let axis = Axis(linearTo: most)
        frame(&svg, top, "Requests a second: answered, and sent in grey", axis) {
            Figure.plain($0)
        }
        if let first = bins.first { draw(&svg, sent, width: first, axis, top, "sent") }
        for index in runs.indices {
            draw(&svg, answered[index], width: bins[index], axis, top, "l\(index)")
        }
    }

    private func tokens(_ svg: inout SVG, _ top: Double) {
        let tokens = bins.indices.map { rates($0) { $0.tokens } }
        let axis = Axis(linearTo: tokens.flatMap { $0 }.compactMap { $0 }.max() ?? 1)
        frame(&svg, top, "Output tokens a second", axis) { Figure.plain($0) }
        for index in runs.indices {
            draw(&svg, tokens[index], width: bins[index], axis, top, "l\(index)")
        }
    }

    private func rates(_ run: Int, _ value: (TimeBins.Bin) -> Double) -> [Double?] {
        guard run < bins.count else { return [] }
        let seconds = bins[run].width.seconds
        return bins[run].bins.map { value($0) / seconds }
    }

    private func frame(
        _ svg: inout SVG, _ top: Double, _ title: String, _ axis: Axis,
        _ label: (Double) -> String
    ) {
        let bottom = top + Self.panelHeight
        svg.text(title, x: Self.left, y: top - 10, style: "head")
        for tick in axis.ticks {
            let y = bottom - axis.place(of: tick) * Self.panelHeight
            svg.line(from: (Self.left, y), to: (Self.width - Self.right, y), style: "grid")
            svg.text(label(tick), x: Self.left - 8, y: y + 4, style: "soft", anchor: .end)
        }
        timeAxis(&svg, bottom)
    }

    private func timeAxis(_ svg: inout SVG, _ bottom: Double) {
        svg.line(from: (Self.left, bottom), to: (Self.width - Self.right, bottom), style: "axis")
        let axis = Axis(exactlyTo: end)
        for tick in axis.ticks {
            let x = x(tick)
            svg.line(from: (x, bottom), to: (x, bottom + 4), style: "axis")
            svg.text(
                Figure.plain(tick) + " s", x: x, y: bottom + 18, style: "soft", anchor: .middle)
        }
    }

    private func x(_ seconds: Double) -> Double {
        Self.left + min(1, seconds / end) * (Self.width - Self.left - Self.right)
    }

    /// A line through the middle of every piece; it is broken where nothing was measured.
    private func draw(
        _ svg: inout SVG, _ values: [Double?], width: TimeBins, _ axis: Axis, _ top: Double,
        _ style: String
    ) {
        var commands = ""
        var isDown = false
        for (index, value) in values.enumerated() {
            guard let value else {
                isDown = false
                continue
            }
            let x = x((Double(index) + 0.5) * width.width.seconds)
            let y = top + (1 - axis.place(of: value)) * Self.panelHeight
            commands += "\(isDown ? "L" : "M")\(SVG.number(x)) \(SVG.number(y))"
            isDown = true
        }
        svg.path(commands, style: style)
    }

    // MARK: Load

    private static func loadMax(_ bins: TimeBins) -> Double {
        bins.bins.flatMap { bin in bin.held.indices.compactMap { bin.load(of: $0) } }.max() ?? 0
    }

    /// A row for every server, the darker the more it holds; answers where the next panel begins.
    private func load(_ svg: inout SVG, run: Int, top: Double, most: Double) -> Double {
        let servers = Array(runs[run].servers.prefix(Self.serversMax))
        let row = min(16.0, max(4.0, 220.0 / Double(max(1, servers.count))))
        let hidden = runs[run].servers.count - servers.count
        let more = hidden > 0 ? "; \(hidden) further servers are not drawn" : ""
        svg.text(
            "Requests held by each server, \(runs[run].name): "
                + "empty is none, full colour is \(Figure.plain(most))\(more)",
            x: Self.left, y: top - 10, style: "head")
        // One path for each shade keeps the file small.
        let shades = 12
        var commands = [String](repeating: "", count: shades + 1)
        for (column, bin) in bins[run].bins.enumerated() {
            let from = x(Double(column) * bins[run].width.seconds)
            let to = x(Double(column + 1) * bins[run].width.seconds)
            guard to > from else { continue }
            for number in servers.indices {
                let share = (bin.load(of: number) ?? 0) / most
                let shade = share == 0 ? 0 : max(1, Int((share * Double(shades)).rounded()))
                let y = top + Double(number) * row
                let (width, height) = (SVG.number(to - from), SVG.number(row - 1))
                commands[min(shade, shades)] +=
                    "M\(SVG.number(from)) \(SVG.number(y))h\(width)v\(height)h-\(width)z"
            }
        }
        for shade in 1...shades {
            let opacity = Figure.fixed(Double(shade) / Double(shades), decimals: 2)
            svg.path(
                commands[shade], style: "f\(run)", attributes: " fill-opacity=\"\(opacity)\"")
        }
        if row >= 9 {
            for (number, server) in servers.enumerated() {
                svg.text(
                    Self.short(server.endpoint), x: Self.left - 8,
                    y: top + Double(number) * row + row / 2 + 4, style: "soft", anchor: .end)
            }
        }
        let bottom = top + Double(max(1, servers.count)) * row
        timeAxis(&svg, bottom)
        return bottom + 60
    }

    /// The last characters of an endpoint, as many as there is room for.
    private static func short(_ endpoint: String) -> String {
        endpoint.count <= 14 ? endpoint : "…" + endpoint.suffix(13)
    }
}
