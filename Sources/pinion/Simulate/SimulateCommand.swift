// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshBasics
import MeshModel
import MeshSimulator

/// `pinion simulate`
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a configuration in an imagined fleet, or compare two.",
        discussion: """
            The same decisions as in `pinion up`, on imagined machines and an imagined clock: no
            network is touched, and the same seed gives the same figures.

              pinion simulate --config mesh.yaml --fleet fleet.yaml \\
                --workload poisson:rate=50,input=~1000,output=~200 --chart run.svg
              pinion simulate --config a.yaml --against b.yaml --fleet fleet.yaml \\
                --trace requests.jsonl.gz --speed 2

            A workload is a kind (even, poisson, burst, chat), a colon and key=value with commas
            between. A trace is Azure's CSV or Mooncake's JSON lines, perhaps with gzip. See
            Docs/operating/simulate.md.
            """)

    @Option(
        name: .shortAndLong, help: "A YAML file or a folder of them; may be repeated.")
    var config: [String] = []

    @Option(help: "The configuration to compare with; may be repeated.")
    var against: [String] = []

    @Option(help: "Which endpoints are what machines, a YAML file.")
    var fleet: String

    @Option(help: "A workload, as in poisson:rate=50,output=~200; may be repeated.")
    var workload: [String] = []

    @Option(help: "A file of recorded requests.")
    var trace: String?

    @Option(help: "The model to ask for where the workload does not say; by default the only one.")
    var model: String?

    @Option(help: "For how long requests are sent; 60 by default, for a trace its length.")
    var seconds: Double?

    @Option(help: "How many times as fast the requests of the trace come.")
    var speed = 1.0

    @Option(help: "The most requests of the trace.")
    var limit: Int?

    @Option(help: "All chance follows from it.")
    var seed: UInt64 = 1

    @Option(help: "Event loops of the imagined proxy.")
    var concurrency = 1

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    @Option(help: "Write a chart to this file, .svg or .html.")
    var chart: String?

    func validate() throws {
        if config.isEmpty {
            throw ValidationError("name a configuration: --config mesh.yaml")
        }
        if workload.isEmpty == (trace == nil) {
            throw ValidationError("name either a --workload or a --trace")
        }
        if let seconds, !(seconds > 0 && seconds <= 31_536_000) {
            throw ValidationError("--seconds must be above 0 and at most 31536000, a year")
        }
        if !(speed >= 0.000_001 && speed <= 1_000_000) {
            throw ValidationError("--speed must be 0.000001 to 1000000")
        }
        if trace == nil, speed != 1 || limit != nil {
            throw ValidationError(
                "--speed and --limit are for a --trace; change the `rate` instead")
        }
        if let limit, limit < 1 { throw ValidationError("--limit must be above 0") }
        guard (1...256).contains(concurrency) else {
            throw ValidationError("--concurrency must be 1 to 256")
        }
        if workload.count > WorkloadLimits.workloadsMax {
            throw ValidationError("at most \(WorkloadLimits.workloadsMax) workloads can be mixed")
        }
        if let chart, !chart.hasSuffix(".svg"), !chart.hasSuffix(".html") {
            throw ValidationError("--chart \(chart): the file must end in .svg or .html")
        }
        _ = try specs()
    }

    func run() throws {
        let sides = try SimulatedSide.prepare(
            config: config, against: against, fleet: fleet)
        let work = try work(sides)
        let progress = ProgressBar(runs: sides.count)
        var runs: [RunReport] = []
        for side in sides {
            runs.append(
                try SimulatedRun(side: side, work: work, seed: seed, loops: concurrency)
                    .report(showing: progress))
        }
        progress.end()
        let report = ReportText(
            runs: runs, seed: seed, notes: work.notes + SimulatedSide.notes(sides))
        switch output {
        case .text:
            Terminal.out("\(caption(work))\n\n\(report.table)")
        case .json: Terminal.out(String(report.json.rendered.dropLast()))
        case .yaml: Terminal.out(String(report.json.renderedAsYAML.dropLast()))
        }
        if let chart { try write(report, to: chart, caption: caption(work)) }
        Terminal.err(progress.summary)
    }

    /// What was simulated, in one line.
    private func caption(_ work: SimulatedWork) -> String {
        let length = Figure.plain(work.window.seconds)
        return "\(work.title) for \(length) simulated seconds, seed \(seed)"
    }

    private func write(_ report: ReportText, to path: String, caption: String) throws {
        let drawing = RunChart(report.runs, caption: caption)
        let text =
            path.hasSuffix(".svg")
            ? drawing.svg : ReportPage.html(report, chart: drawing, caption: caption)
        guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
            Terminal.err("\(path): cannot be written; check the folder and its permissions")
            throw ExitCode.failure
        }
    }

    // MARK: The workload

    private func specs() throws -> [WorkloadSpec] {
        try workload.map { text in
            do throws(WorkloadFault) {
                return try WorkloadSpec.parse(text)
            } catch {
                throw ValidationError(error.description)
            }
        }
    }

    private func work(_ sides: [SimulatedSide]) throws -> SimulatedWork {
        let name = try SimulatedSide.model(
            model, specs: trace == nil ? specs().map(\.model) : [nil], sides)
        if let trace {
            var options = Trace.Options(model: name)
            options.speed = speed
            options.countMax = limit
            options.duration = seconds.map { Nanoseconds(Int64(min($0 * speed * 1e9, 9e18))) }
            return try SimulatedWork(trace: trace, options: options, seconds: seconds)
        }
        return SimulatedWork(
            try specs(), texts: workload, model: name, seed: seed, seconds: seconds ?? 60)
    }
}
