// SPDX-License-Identifier: Apache-2.0

/// Words that say nothing about what a type is for.
private let emptyWords: Set<String> = [
    "manager", "managers", "helper", "helpers", "util", "utils", "utility", "utilities", "core",
    "common",
]

/// Types and files of Swift whose name holds an empty word.
func emptyNames(in files: [SourceFile]) -> [Finding] {
    files.filter(\.isSwift).flatMap { file -> [Finding] in
        var findings: [Finding] = []
        if let word = emptyWord(in: file.baseName) {
            findings.append(finding(file, line: 1, name: file.baseName, word: word))
        }
        for keyword in ["struct", "class", "enum", "actor", "protocol", "typealias"] {
            for offset in occurrences(of: keyword, in: file.code) {
                let start = offset + keyword.utf8.count + 1
                guard start < file.code.count else { continue }
                let name = String(
                    decoding: file.code[start...].prefix { isWord($0) }, as: UTF8.self)
                if let word = emptyWord(in: name) {
                    let line = file.lineNumber(at: offset)
                    findings.append(finding(file, line: line, name: name, word: word))
                }
            }
        }
        return findings
    }
}

private func finding(_ file: SourceFile, line: Int, name: String, word: String) -> Finding {
    let message = "`\(name)`: \"\(word)\" says nothing; name what it decides or does"
    return Finding(path: file.path, line: line, message: message)
}

/// The first empty word among those that `name` is composed of: `TaskManager` has two.
private func emptyWord(in name: String) -> String? {
    var words: [String] = []
    var joined = false
    for character in name {
        if character.isLetter, joined, !character.isUppercase {
            words[words.count - 1].append(character)
        } else if character.isLetter {
            words.append(character.lowercased())
        }
        joined = character.isLetter
    }
    return words.first { emptyWords.contains($0) }
}
