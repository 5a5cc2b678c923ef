// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshModel

/// The requests of a recorded trace, in order of time from its first request on.
///
/// Two formats are read, told apart by their first line:
///
///     TIMESTAMP,ContextTokens,GeneratedTokens          Azure's, with comma-separated values
///     2023-11-16 18:17:03.9799600,4808,10
///
///     {"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}
///
/// The second is Mooncake's: milliseconds, and names of blocks of 512 tokens.
package struct Trace: Hashable, Sendable {
    /// The requests.
    package var items: [WorkItem] = []
    /// Whether the trace says which prompts share their beginning.
    package var hasPrefixes = false

    /// What to take of a trace, and how.
    package struct Options: Hashable, Sendable {
        /// What requests ask for in `model`.
        package var model: String
        /// How many times as fast the requests come.
        package var speed = 1.0
        /// The most requests that are taken.
        package var countMax: Int?
        /// How much of the trace's own time is taken.
        package var duration: Nanoseconds?
        /// Whether answers are asked for as streams.
        package var stream = true

        /// The whole trace as it is, for `model`.
        package init(model: String) { self.model = model }
    }

    /// The trace that `bytes`, the unpacked content of `file`, hold.
    ///
    /// **Errors** the first line that does not fit.
    /// **Complexity**: O(n log n) in the count of requests; O(n) when they are in order.
    package static func parse(
        _ bytes: [UInt8], file: String, options: Options
    ) throws(TraceFault) -> Trace {
        var lines = TraceLines(bytes, file: file)
        guard bytes.count <= WorkloadLimits.traceBytesMax else {
            throw lines.fault(
                "the trace has \(bytes.count) bytes",
                "cut it to \(WorkloadLimits.traceBytesMax): `head -n 1000000`")
        }
        guard let first = lines.next() else {
            throw lines.fault("the trace is empty", "name a file with at least one request")
        }
        let format = try TraceFormat(firstLine: first, lines)
        var reader = TraceReader(format: format, options: options)
        if format == .mooncake { try reader.take(first, lines) }
        while !reader.isFull, let line = lines.next() {
            try reader.take(line, lines)
        }
        return try reader.finish(lines)
    }
}

/// The formats that are known.
enum TraceFormat: Hashable, Sendable {
    case azure
    case mooncake

    init(firstLine: ArraySlice<UInt8>, _ lines: TraceLines) throws(TraceFault) {
        let text = String(decoding: firstLine.prefix(100), as: UTF8.self)
        if text.lowercased() == "timestamp,contexttokens,generatedtokens" {
            self = .azure
        } else if firstLine.first == UInt8(ascii: "{") {
            self = .mooncake
        } else {
            throw lines.fault(
                "\(quoted(text)) begins no known trace",
                "begin with `TIMESTAMP,ContextTokens,GeneratedTokens`, or with a line like "
                    + #"`{"timestamp": 0, "input_length": 100, "output_length": 10}`"#)
        }
    }
}

/// Cuts a text into its lines, empty ones left out.
struct TraceLines {
    private let bytes: [UInt8]
    private let file: String
    private var offset = 0
    /// The number of the last line that was given out, from 1.
    private(set) var line = 0

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// The next line without its end, or nil behind the last.
    mutating func next() -> ArraySlice<UInt8>? {
        while offset < bytes.count {
            let start = offset
            var end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            offset = end + 1
            line += 1
            if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            if end > start { return bytes[start..<end] }
        }
        return nil
    }

    /// Something wrong with the last line.
    func fault(_ message: String, _ remedy: String) -> TraceFault {
        TraceFault(file: file, line: Swift.max(1, line), message: message, remedy: remedy)
    }
}
