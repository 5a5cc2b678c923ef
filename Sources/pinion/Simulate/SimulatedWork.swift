// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshBasics
import MeshSimulator

/// The requests of a simulation, which can be made anew for each side of a comparison.
struct SimulatedWork {
    /// The requests.
    let source: WorkSource
    /// For how long they are sent.
    let window: Nanoseconds
    /// What they are, for captions.
    let title: String
    /// What a reader should know of them.
    let notes: [String]

    /// Generated requests.
    init(
        _ specs: [WorkloadSpec], texts: [String], model: String, seed: UInt64, seconds: Double
    ) {
        source = WorkSource(specs, model: model, seed: seed)
        window = Nanoseconds(Int64(seconds * 1e9))
        title = texts.joined(separator: " and ")
        notes = []
    }

    /// The requests of the file at `path`, perhaps packed with gzip.
    init(trace path: String, options: Trace.Options, seconds: Double?) throws {
        let trace: Trace
        do throws(TraceFault) {
            trace = try Trace.parse(try TraceFile.read(path), file: path, options: options)
        } catch {
            Terminal.err(error.description)
            throw Terminal.wrongConfiguration
        }
        source = WorkSource(items: trace.items)
        let last = trace.items.last.map { $0.at - Instant(nanoseconds: 0) } ?? .zero
        window = seconds.map { Nanoseconds(Int64($0 * 1e9)) } ?? max(last, .seconds(1))
        let count = Terminal.count(trace.items.count, "request")
        title = "\(count) of \((path as NSString).lastPathComponent)"
        notes =
            trace.hasPrefixes
            ? []
            : ["the trace does not say what prompts share, so caches of prefixes find nothing"]
    }

    /// The requests that are sent within the window, in order.
    func items() -> () -> WorkItem? {
        var source = source
        let end = Instant(nanoseconds: 0) + window
        return {
            guard let at = source.nextAt, at <= end else { return nil }
            return source.next()
        }
    }
}

/// Reads the bytes of traces.
enum TraceFile {
    /// The unpacked content of the file at `path`.
    ///
    /// **Errors** a file that is not there, and one that gzip cannot unpack.
    static func read(_ path: String) throws(TraceFault) -> [UInt8] {
        guard let file = FileManager.default.contents(atPath: path) else {
            throw fault(path, "no such file, or it cannot be read", "check --trace")
        }
        guard file.starts(with: [0x1F, 0x8B]) else { return [UInt8](file) }
        return try unpack(path)
    }

    private static func unpack(_ path: String) throws(TraceFault) -> [UInt8] {
        let gzip = Foundation.Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-dc", "--", path]
        let pipe = Pipe()
        gzip.standardOutput = pipe
        gzip.standardInput = FileHandle.nullDevice
        gzip.standardError = FileHandle.nullDevice
        var bytes: [UInt8] = []
        do {
            try gzip.run()
        } catch {
            throw fault(path, "gzip cannot be started", "install gzip, or unpack the file first")
        }
        // A bound on what a small file can become.
        while bytes.count <= WorkloadLimits.traceBytesMax {
            let part = pipe.fileHandleForReading.readData(ofLength: 1 << 20)
            if part.isEmpty { break }
            bytes.append(contentsOf: part)
        }
        if bytes.count > WorkloadLimits.traceBytesMax { gzip.terminate() }
        gzip.waitUntilExit()
        guard bytes.count <= WorkloadLimits.traceBytesMax else {
            throw fault(
                path, "the trace has more than \(WorkloadLimits.traceBytesMax) bytes",
                "cut it: `gzip -dc \(path) | head -n 1000000 > part`")
        }
        guard gzip.terminationStatus == 0 else {
            throw fault(path, "gzip cannot unpack the file", "check it with `gzip -t \(path)`")
        }
        return bytes
    }

    private static func fault(
        _ path: String, _ message: String, _ remedy: String
    ) -> TraceFault {
        TraceFault(file: path, line: 1, message: message, remedy: remedy)
    }
}
