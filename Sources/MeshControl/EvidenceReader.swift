// SPDX-License-Identifier: Apache-2.0

import Foundation
package import MeshCompiler
package import MeshModel

/// Reads the files that a configuration refers to as evidence.
package enum EvidenceReader {
    /// Bytes of one file that are read: a statement of a verifier is a few kilobytes.
    private static let bytesMax = 1 << 20

    /// What `resources` compile to, with what their evidence files hold now.
    package static func compile(
        _ resources: ResourceSet, resolved: ResolvedNames, version: UInt64
    ) -> Compilation {
        let first = Compiler.compile(resources, resolved: resolved, version: version)
        if first.files.isEmpty { return first }
        return Compiler.compile(
            resources, resolved: resolved, evidence: read(first.files), version: version)
    }

    /// What stands in the files at `paths`.
    package static func read(_ paths: [String]) -> EvidenceFiles {
        var files = EvidenceFiles()
        for path in paths {
            let data = FileManager.default.contents(atPath: path)
            let isUsable = data.map { $0.count <= bytesMax } ?? false
            files.set(path, isUsable ? data.map(Array.init) : nil)
        }
        return files
    }

    /// The folders of `paths`, each once.
    static func folders(of paths: [String]) -> [String] {
        var folders: [String] = []
        for path in paths {
            let folder = (path as NSString).deletingLastPathComponent
            let shown = folder.isEmpty ? "." : folder
            if !folders.contains(shown) { folders.append(shown) }
        }
        return folders
    }
}
