// SPDX-License-Identifier: Apache-2.0

package import Foundation
package import MeshCompiler
package import MeshExchange
package import MeshModel
package import MeshSnapshot

/// What a recording is kept and carried as: lines of JSON, each a configuration or an exchange.
///
/// ```
/// {"format":"pinion-recording","version":1}
/// {"configuration":{"version":3,"files":[{"path":"mesh.yaml","text":"…"}],"names":[…]}}
/// {"exchange":{"id":"…","head":"POST …","events":[…],"line":"{…}"}}
/// ```
///
/// A configuration stands before the first exchange that ran under it. Invariant: no body and no
/// secret; a resource refers to secrets and never holds one.
package struct RecordingFile: Sendable {
    /// The configurations, in the order of the file.
    package var configurations: [RecordedConfiguration] = []
    /// The exchanges, in the order of the file.
    package var exchanges: [ExchangeRecording] = []

    /// A recording of nothing.
    package init() {}

    /// Why a file is not a recording.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// Where and what, and what to do.
        package let description: String
    }

    /// The recording in `text`, which came from `name`.
    ///
    /// **Errors** the first line that is not one of a recording, as `name:line: …`. A last line
    /// that was cut off in the middle of being written is passed over.
    package init(parsing text: Data, name: String) throws(Failure) {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let decoder = JSONDecoder()
        for (number, line) in lines.enumerated() where !line.isEmpty {
            guard let entry = try? decoder.decode(Entry.self, from: Data(line)), !entry.isEmpty
            else {
                // A line that was cut off in the middle of being written, by a crash or a full
                // disk, is the last one of its run.
                let next = lines.dropFirst(number + 1).first { !$0.isEmpty }
                if era > 0, next == nil || next?.starts(with: Self.firstLine.dropLast()) == true {
                    damaged += 1
                    continue
                }
                throw Failure(
                    description: "\(name):\(number + 1): this is no line of a recording; "
                        + "name a file that `spec.recording.file` of a Mesh had written, or "
                        + "what GET /recordings of the admin port answered")
            }
            if let format = entry.format, format != Entry.formatName || entry.version != 1 {
                throw Failure(
                    description: "\(name):\(number + 1): format \(format) "
                        + "\(entry.version ?? 0) is not read by this version; "
                        + "use the pinion that wrote it")
            }
            if entry.format != nil { era += 1 }
            guard era > 0 else {
                throw Failure(
                    description: "\(name):\(number + 1): a recording begins with its format; "
                        + "this file does not, so name another one")
            }
            // Every run of the proxy counts its versions from 1: the number of the run goes in
            // front, so that none is taken for that of another.
            if var configuration = entry.configuration {
                configuration.version = Self.version(configuration.version, era)
                configurations.append(configuration)
            }
            if var exchange = entry.exchange {
                exchange.era = era
                exchanges.append(exchange)
            }
        }
    }

    /// `version` of the run number `era`, which no other run has.
    static func version(_ version: UInt64, _ era: UInt64) -> UInt64 { version | (era - 1) << 40 }

    /// Runs of the proxy that wrote into the recording.
    private var era: UInt64 = 0
    /// Lines that were cut off while they were written.
    package private(set) var damaged = 0

    /// The whole recording as text.
    package var text: Data {
        var out = Self.firstLine
        for configuration in configurations { out.append(Self.line(configuration)) }
        for exchange in exchanges { out.append(Self.line(exchange)) }
        return out
    }

    /// The line that every recording begins with.
    package static var firstLine: Data {
        encoded(Entry(format: Entry.formatName, version: 1))
    }

    /// The line of a configuration.
    package static func line(_ configuration: RecordedConfiguration) -> Data {
        encoded(Entry(configuration: configuration))
    }

    /// The line of an exchange.
    package static func line(_ exchange: ExchangeRecording) -> Data {
        encoded(Entry(exchange: exchange))
    }

    /// The snapshots of the configurations, each compiled when it is first asked for.
    package var snapshots: RecordedSnapshots { RecordedSnapshots(configurations) }

    private static func encoded(_ entry: Entry) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        // Everything in an entry is a plain value, which always encodes.
        var line = (try? encoder.encode(entry)) ?? Data()
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private struct Entry: Codable {
        static let formatName = "pinion-recording"

        var format: String?
        var version: Int?
        var configuration: RecordedConfiguration?
        var exchange: ExchangeRecording?

        var isEmpty: Bool { format == nil && configuration == nil && exchange == nil }
    }
}

/// A configuration as it was written, with what its names resolved to: enough to compile its
/// snapshot again.
package struct RecordedConfiguration: Codable, Hashable, Sendable {
    /// The version of its snapshot.
    package var version: UInt64
    /// The files.
    package var files: [File]
    /// The names.
    package var names: [Name]
    /// Files with evidence and with the keys for it, as far as they are text; nil for none.
    package var evidence: [File]?
    /// What Rollouts gave their canaries; nil without Rollouts.
    package var shares: [Share]?

    /// What one Rollout gave its canary.
    package struct Share: Codable, Hashable, Sendable {
        /// `namespace/name` of the Rollout.
        package var rollout: String
        /// The share in percent.
        package var weight: Int
    }

    /// A file.
    package struct File: Codable, Hashable, Sendable {
        /// Its path as the operator gave it.
        package var path: String
        /// What stands in it.
        package var text: String
    }

    /// A name that was resolved.
    package struct Name: Codable, Hashable, Sendable {
        /// The name, lower case.
        package var hostname: String
        /// Its addresses.
        package var addresses: [String]
    }

    /// The configuration of `sources` with `names` as they were resolved. Values of Secrets are
    /// left out: a recording may go to others.
    package init(
        version: UInt64, sources: [SourceFile], names: ResolvedNames,
        evidence: EvidenceFiles = EvidenceFiles(), shares: [RolloutShare] = []
    ) {
        self.version = version
        self.shares =
            shares.isEmpty
            ? nil : shares.map { Share(rollout: $0.name, weight: $0.weight) }
        files = sources.map { File(path: $0.path, text: $0.withoutSecrets.text) }
        self.names = names.entries.map {
            Name(hostname: $0.hostname, addresses: $0.addresses)
        }
        let texts = evidence.paths.compactMap { path in
            evidence.bytes(of: path).map {
                File(path: path, text: String(decoding: $0, as: UTF8.self))
            }
        }
        self.evidence = texts.isEmpty ? nil : texts
    }

    /// The files as sources.
    package var sources: [SourceFile] { files.map { SourceFile(path: $0.path, text: $0.text) } }

    /// What the names resolved to.
    package var resolved: ResolvedNames {
        ResolvedNames(
            names.map { ResolvedNames.Entry(hostname: $0.hostname, addresses: $0.addresses) })
    }

    /// What stood in files with evidence.
    package var evidenceFiles: EvidenceFiles {
        var files = EvidenceFiles()
        for file in evidence ?? [] { files.set(file.path, Array(file.text.utf8)) }
        return files
    }

    /// What Rollouts gave their canaries.
    package var rolloutShares: [RolloutShare] {
        (shares ?? []).map { RolloutShare(name: $0.rollout, weight: $0.weight) }
    }

    /// Its snapshot, or nil when this version of the mesh finds it wrong.
    package var snapshot: Snapshot? {
        let (resources, problems) = ResourceSet.parse(sources)
        guard !problems.contains(where: { $0.severity == .error }) else { return nil }
        // The number of the run is no part of what the snapshot was called.
        return Compiler.compile(
            resources, resolved: resolved, evidence: evidenceFiles, shares: rolloutShares,
            version: version & (1 << 40 - 1)
        ).snapshot
    }
}

/// The snapshots of a recording by version.
package final class RecordedSnapshots {
    private let configurations: [RecordedConfiguration]
    private var made: [UInt64: Snapshot] = [:]

    init(_ configurations: [RecordedConfiguration]) { self.configurations = configurations }

    /// The snapshot of `version` in the run that `exchange` is of, or nil.
    package func snapshot(_ version: UInt64, of exchange: ExchangeRecording) -> Snapshot? {
        snapshot(RecordingFile.version(version, max(1, exchange.era ?? 1)))
    }

    private func snapshot(_ version: UInt64) -> Snapshot? {
        if let known = made[version] { return known }
        let found = configurations.last { $0.version == version }?.snapshot
        made[version] = found
        return found
    }
}
