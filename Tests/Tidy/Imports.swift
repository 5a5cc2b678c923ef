// SPDX-License-Identifier: Apache-2.0

/// An import statement.
struct Import: Hashable {
    /// The module: `NIOCore`.
    var module: String
    /// Whether it is `@testable`; such imports are sorted apart.
    var isTestable: Bool
    /// The line, counted from 1.
    var line: Int
}

/// The import statements of `file`, in order.
func imports(of file: SourceFile) -> [Import] {
    let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
    ]
    return occurrences(of: "import", in: file.code).compactMap { offset in
        let line = file.lineNumber(at: offset)
        let words = file.codeLine(line - 1).split(separator: " ")
        guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count
        else { return nil }
        var module = words[keyword + 1]
        if kinds.contains(module), keyword + 2 < words.count { module = words[keyword + 2] }
        return Import(
            module: String(module.prefix { $0 != "." }),
            isTestable: words.contains("@testable"), line: line)
    }
}

/// Imports of `Sources/` that the table of rooms does not allow, and folders it does not know.
func forbiddenImports(in files: [SourceFile]) -> [Finding] {
    files.flatMap { file -> [Finding] in
        guard let name = file.room else { return [] }
        guard let room = Room.named(name) else {
            let message = "target \(name) is not in Tests/Tidy/Rooms.swift: give it a ring there"
            return [Finding(path: file.path, line: 1, message: message)]
        }
        return imports(of: file).compactMap { item in
            guard !room.rooms.contains(item.module), !room.modules.contains(item.module)
            else { return nil }
            let message =
                "\(name) (ring \(room.ring)) may not import \(item.module): "
                + "see the table in Tests/Tidy/Rooms.swift"
            return Finding(path: file.path, line: item.line, message: message)
        }
    }
}

/// Imports on adjacent lines that are not in alphabetical order.
func unsortedImports(in files: [SourceFile]) -> [Finding] {
    files.flatMap { file -> [Finding] in
        let items = imports(of: file)
        return zip(items, items.dropFirst()).compactMap { first, second in
            guard second.line == first.line + 1, first.isTestable == second.isTestable,
                second.module < first.module
            else { return nil }
            let message = "import \(second.module) belongs before \(first.module)"
            return Finding(path: file.path, line: second.line, message: message)
        }
    }
}
