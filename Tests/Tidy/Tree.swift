// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The files of the project as they stand on disk, read once for all checks.
struct Tree: Sendable {
    /// The project's root folder, with a slash at its end.
    let root: String
    /// Every file that is or would be tracked, sorted by path.
    let files: [Entry]
    /// The text files among them that we write by hand, sorted by path.
    let sources: [SourceFile]

    /// A file of the tree.
    struct Entry: Sendable {
        /// Path from the root: `Sources/MeshWire/Head.swift`.
        var path: String
        /// Size in bytes.
        var size: Int
    }

    /// The tree that this file lies in.
    static let project: Tree = {
        let here = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().path
        return Tree(root: String(here.dropLast("Tests/Tidy/Tree.swift".count)))
    }()

    /// Names of folders that are not ours, wherever they lie; all are in `.gitignore`.
    private static let foreign: Set<String> = [
        ".git", ".build", ".swiftpm", ".venv", "__pycache__", ".pytest_cache",
    ]

    /// Suffixes of the text files that checks read.
    private static let textSuffixes = [
        ".swift", ".py", ".sh", ".md", ".yaml", ".yml", ".json", ".toml", ".txt", "Makefile",
        ".ci/run",
    ]

    /// A tree that holds just `sources`.
    init(sources: [SourceFile]) {
        root = ""
        files = sources.map { Entry(path: $0.path, size: $0.bytes.count) }
        self.sources = sources
    }

    /// The tree below `root`.
    init(root: String) {
        self.root = root
        files = Tree.entries(below: root).sorted { $0.path < $1.path }
        sources = files.compactMap { entry in
            let path = entry.path
            guard Tree.textSuffixes.contains(where: { path.hasSuffix($0) }),
                !path.contains("/Generated/"),
                let data = FileManager.default.contents(atPath: root + path)
            else { return nil }
            return SourceFile(path: path, bytes: [UInt8](data))
        }
    }

    /// The Swift files among `sources`.
    var swift: [SourceFile] { sources.filter(\.isSwift) }

    /// Every file below `root` that is not in a foreign folder.
    private static func entries(below root: String) -> [Entry] {
        var entries: [Entry] = []
        var folders = [""]
        while let folder = folders.popLast() {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: root + folder)) ?? []
            for name in names {
                let path = folder + name
                let attributes = try? FileManager.default.attributesOfItem(atPath: root + path)
                switch attributes?[.type] as? FileAttributeType {
                case .typeDirectory:
                    if !foreign.contains(name), !name.hasPrefix(".build") {
                        folders.append(path + "/")
                    }
                case .typeRegular:
                    guard name != "Package.resolved", !name.hasSuffix(".pyc") else { continue }
                    let size = (attributes?[.size] as? NSNumber)?.intValue ?? 0
                    entries.append(Entry(path: path, size: size))
                default:
                    continue
                }
            }
        }
        return entries
    }
}
