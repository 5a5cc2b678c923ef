// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel

/// Turns the lines of a trace into requests.
struct TraceReader {
    private let format: TraceFormat
    private let options: Trace.Options
    private var trace = Trace()
    /// Times of the requests as the file says them, in nanoseconds.
    private var times: [Int64] = []
    private var isOrdered = true
    /// Whether no further line need be read.
    private(set) var isFull = false

    /// What one line says.
    struct Row {
        /// Nanoseconds since whatever the trace counts from.
        var time: Int64
        var promptTokens: Int
        var answerTokens: Int
        var prefix: [UInt64] = []
        var hasPrefix = false
    }

    init(format: TraceFormat, options: Trace.Options) {
        self.format = format
        self.options = options
    }

    /// Reads one line.
    mutating func take(_ line: ArraySlice<UInt8>, _ lines: TraceLines) throws(TraceFault) {
        let row: Row
        do throws(LineFault) {
            switch format {
            case .azure: row = try AzureLine.parse(line)
            case .mooncake: row = try MooncakeLine.parse(line)
            }
        } catch {
            throw lines.fault(error.message, error.remedy)
        }
        guard times.count < WorkloadLimits.traceRequestsMax else {
            throw lines.fault(
                "the trace has more than \(WorkloadLimits.traceRequestsMax) requests",
                "take fewer of them with --limit")
        }
        if let last = times.last, row.time < last { isOrdered = false }
        if let first = times.first, isOrdered, let duration = options.duration,
            row.time - first >= duration.rawValue
        {
            isFull = true
            return
        }
        guard abs(row.time - (times.first ?? row.time)) <= WorkloadLimits.traceSpan.rawValue else {
            throw lines.fault(
                "the request is more than a year from the first", "correct its time")
        }
        times.append(row.time)
        trace.hasPrefixes = trace.hasPrefixes || row.hasPrefix
        trace.items.append(
            WorkItem(
                at: Instant(nanoseconds: 0), session: UInt64(times.count), model: options.model,
                promptTokens: row.promptTokens, prefix: row.prefix,
                prefixBlockTokens: MooncakeLine.blockTokens, answerTokens: row.answerTokens,
                stream: options.stream))
        isFull = times.count >= options.countMax ?? .max
    }

    /// The trace, counted from its first request.
    consuming func finish(_ lines: TraceLines) throws(TraceFault) -> Trace {
        guard let first = times.min() else {
            throw lines.fault(
                "the trace has no request", "name a file with at least one, or a larger --limit")
        }
        for index in times.indices {
            let after = Double(times[index] - first) / options.speed
            trace.items[index].at = Instant(nanoseconds: UInt64(min(after, 9e18)))
        }
        if !isOrdered {
            let order = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
            trace.items = order.map { trace.items[$0] }
        }
        if let duration = options.duration {
            let end = UInt64(min(Double(duration.rawValue) / options.speed, 9e18))
            trace.items.removeAll { $0.at.nanoseconds >= end }
        }
        return trace
    }
}

/// What is wrong with a line.
struct LineFault: Error {
    var message: String
    var remedy: String
}

/// A line of Azure's traces.
///
/// **Source**: https://github.com/Azure/AzurePublicDataset, `AzureLLMInferenceDataset2023.md`.
enum AzureLine {
    static func parse(_ line: ArraySlice<UInt8>) throws(LineFault) -> TraceReader.Row {
        let fields = line.split(
            separator: UInt8(ascii: ","), maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 3 else {
            throw LineFault(
                message: "the line has not three fields",
                remedy: "write `2023-11-16 18:17:03.979,4808,10`, or remove the line")
        }
        let time = String(decoding: fields[0].prefix(65), as: UTF8.self)
        guard let nanoseconds = time.utf8.count <= 64 ? nanoseconds(time) : nil else {
            throw LineFault(
                message: "\(quoted(time)) is not a time",
                remedy: "write it like `2023-11-16 18:17:03.979`")
        }
        return TraceReader.Row(
            time: nanoseconds,
            promptTokens: try tokens(fields[1], "ContextTokens"),
            answerTokens: try tokens(fields[2], "GeneratedTokens"))
    }

    private static func tokens(
        _ field: ArraySlice<UInt8>, _ name: String
    ) throws(LineFault) -> Int {
        let text = String(decoding: field.prefix(20), as: UTF8.self)
        guard let count = Int(text), (0...WorkloadLimits.tokensMax).contains(count) else {
            throw LineFault(
                message: "`\(name)` is \(quoted(text))",
                remedy: "write a whole number from 0 to \(WorkloadLimits.tokensMax)")
        }
        return count
    }

    /// Nanoseconds since 1970 of `2023-11-16 18:17:03.9799600`, perhaps with a zone behind it;
    /// without one, Greenwich is meant.
    private static func nanoseconds(_ text: String) -> Int64? {
        var bytes = Array(text.utf8)
        guard bytes.count >= 19 else { return nil }
        if bytes[10] == UInt8(ascii: " ") { bytes[10] = UInt8(ascii: "T") }
        var fraction: Int64 = 0
        var end = 19
        if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
            var unit: Int64 = 100_000_000
            end += 1
            while end < bytes.count, ASCII.isDigit(bytes[end]) {
                fraction += Int64(bytes[end] - UInt8(ascii: "0")) * unit
                unit /= 10
                end += 1
            }
            guard end > 20 else { return nil }
        }
        let zone = end < bytes.count ? Array(bytes[end...]) : [UInt8(ascii: "Z")]
        let seconds = Notation.timestamp(String(decoding: bytes[..<19] + zone, as: UTF8.self))
        // Beyond this a count of nanoseconds no longer fits.
        guard let seconds, abs(seconds) < 9_000_000_000 else { return nil }
        return seconds * 1_000_000_000 + fraction
    }
}
