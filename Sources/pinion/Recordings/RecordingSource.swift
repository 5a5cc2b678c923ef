// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshAdmin
import MeshCompiler
import MeshControl
import MeshModel
import MeshSnapshot

/// Where commands get recordings: from a file, or from a running pinion.
enum RecordingSource {
    /// The recording in the file `path`, `-` for standard input.
    static func file(_ path: String) throws -> RecordingFile {
        let data =
            path == "-"
            ? FileHandle.standardInput.readDataToEndOfFile()
            : FileManager.default.contents(atPath: path)
        guard let data else {
            Terminal.err("\(path): no such file, or it cannot be read; name a recording")
            throw ExitCode.failure
        }
        return try parsed(data, path == "-" ? "standard input" : path)
    }

    /// What the pinion with that admin port has recorded.
    static func running(_ admin: String, path: String = "/recordings") throws -> RecordingFile {
        let place = try AdminPlace(admin, option: "--admin")
        do {
            return try parsed(Data(try AdminClient.get(path, from: place).utf8), admin)
        } catch let failure as AdminClient.Failure {
            Terminal.err(failure.description)
            throw ExitCode.failure
        }
    }

    private static func parsed(_ data: Data, _ name: String) throws -> RecordingFile {
        do {
            return try RecordingFile(parsing: data, name: name)
        } catch {
            Terminal.err("\(error)")
            throw ExitCode.failure
        }
    }
}

/// A configuration that a command compares with or decides by.
struct CompiledFiles {
    /// Its snapshot.
    let snapshot: Snapshot
    /// Names of it that nothing is known of, so that their endpoints are missing.
    let unknownNames: [String]

    /// Compiles what stands in `paths`, with names as they were resolved elsewhere.
    ///
    /// **Errors** prints every mistake and exits with 2.
    init(_ paths: [String], resolved: ResolvedNames = ResolvedNames(), version: UInt64 = 1) throws {
        let sources: [SourceFile]
        do {
            sources = try ConfigurationFiles(paths: paths).read()
        } catch {
            Terminal.err("\(error)")
            throw Terminal.wrongConfiguration
        }
        let (resources, problems) = ResourceSet.parse(sources)
        let compilation = Compiler.compile(resources, resolved: resolved, version: version)
        let all = Controller.sorted(problems, compilation.diagnostics)
        let errors = all.filter { $0.severity == .error }
        for error in errors { Terminal.err(error.description) }
        guard errors.isEmpty, let snapshot = compilation.snapshot else {
            Terminal.err(Terminal.count(errors.count, "error"))
            throw Terminal.wrongConfiguration
        }
        self.snapshot = snapshot
        unknownNames = compilation.names.map(\.hostname)
            .filter { resolved.addresses(of: $0).isEmpty }
    }
}
