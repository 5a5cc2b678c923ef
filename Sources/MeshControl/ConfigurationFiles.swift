// SPDX-License-Identifier: Apache-2.0

import Foundation
package import MeshModel

/// The files that hold a configuration: named ones, and every `.yaml` and `.yml` in named
/// folders.
package struct ConfigurationFiles: Sendable, Hashable {
    /// What the operator named.
    package let paths: [String]

    /// A configuration in `paths`.
    package init(paths: [String]) { self.paths = paths }

    /// Why a configuration could not be read.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// What happened and what to do.
        package let description: String
    }

    /// Reads all files, those of a folder in the order of their names.
    ///
    /// **Errors** a path that is not there or cannot be read as UTF-8, and a folder without any
    /// YAML file.
    package func read() throws(Failure) -> [SourceFile] {
        var files: [SourceFile] = []
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw Failure(description: "\(path): no such file or folder; check -f")
            }
            if isFolder.boolValue {
                let names = try Self.names(in: path)
                guard !names.isEmpty else {
                    throw Failure(
                        description: "\(path): the folder has no .yaml or .yml file; add one, "
                            + "or name another folder with -f")
                }
                for name in names { files.append(try Self.file(path + "/" + name)) }
            } else {
                files.append(try Self.file(path))
            }
        }
        return files
    }

    private static func names(in folder: String) throws(Failure) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) && !$0.hasPrefix(".") }
                .sorted()
        } catch {
            throw Failure(description: "\(folder): cannot be listed; check its permissions")
        }
    }

    private static func file(_ path: String) throws(Failure) -> SourceFile {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(description: "\(path): cannot be read; check its permissions")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw Failure(description: "\(path): is not UTF-8 text; save it as UTF-8")
        }
        return SourceFile(path: path, text: text)
    }

    /// The folders in which a change may change the configuration.
    var watchedFolders: [String] {
        var folders: [String] = []
        for path in paths {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            let folder =
                exists && isFolder.boolValue
                ? path : (path as NSString).deletingLastPathComponent
            let shown = folder.isEmpty ? "." : folder
            if !folders.contains(shown) { folders.append(shown) }
        }
        return folders
    }
}
