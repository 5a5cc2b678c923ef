// SPDX-License-Identifier: Apache-2.0

/// The bounds of a file's shape.
enum ShapeLimits {
    /// Lines of a file.
    static let fileLines = 600
    /// Columns of a line.
    static let lineColumns = 100
    /// Lines of a function, from `func` to its closing brace.
    static let functionLines = 70
}

/// Whether the shape of `file` is ours to judge: programs, not prose or data.
private func isProgram(_ file: SourceFile) -> Bool {
    [".swift", ".py", ".sh"].contains { file.path.hasSuffix($0) }
}

/// Programs that do not say their licence in the first line, or in the second when the first
/// must be another: `swift-tools-version` or `#!`.
func missingLicenses(in files: [SourceFile]) -> [Finding] {
    files.filter(isProgram).compactMap { file in
        let comment = file.isSwift ? "//" : "#"
        let license = "\(comment) SPDX-License-Identifier: Apache-2.0"
        let first = file.lineRanges.isEmpty ? "" : file.line(0)
        let leads = first.hasPrefix("// swift-tools-version") || first.hasPrefix("#!")
        let index = leads ? 1 : 0
        let found = index < file.lineRanges.count && file.line(index) == license
        guard !found else { return nil }
        let message = "line \(index + 1) must be `\(license)`"
        return Finding(path: file.path, line: index + 1, message: message)
    }
}

/// Programs with too many lines.
func longFiles(in files: [SourceFile]) -> [Finding] {
    files.filter(isProgram).compactMap { file in
        let count = file.lineRanges.count
        guard count > ShapeLimits.fileLines else { return nil }
        let message =
            "\(count) lines, more than \(ShapeLimits.fileLines): split it where it changes subject"
        return Finding(path: file.path, line: count, message: message, amount: count)
    }
}

/// Lines of programs with too many columns.
func longLines(in files: [SourceFile]) -> [Finding] {
    files.filter(isProgram).flatMap { file -> [Finding] in
        file.lineRanges.indices.compactMap { index in
            guard file.lineRanges[index].count > ShapeLimits.lineColumns else { return nil }
            let columns = file.line(index).count
            guard columns > ShapeLimits.lineColumns else { return nil }
            let message = "\(columns) columns, more than \(ShapeLimits.lineColumns)"
            return Finding(path: file.path, line: index + 1, message: message)
        }
    }
}

/// Swift functions with too many lines.
func longFunctions(in files: [SourceFile]) -> [Finding] {
    files.filter(\.isSwift).flatMap { file -> [Finding] in
        let words = ["func", "init"]
        let starts = words.flatMap { occurrences(of: $0, in: file.code) }.sorted()
        return starts.compactMap { start in
            guard let end = functionEnd(in: file.code, from: start) else { return nil }
            let first = file.lineNumber(at: start)
            let count = file.lineNumber(at: end) - first + 1
            guard count > ShapeLimits.functionLines else { return nil }
            let message =
                "a function of \(count) lines, more than \(ShapeLimits.functionLines): "
                + "move a part that has a name of its own out"
            return Finding(path: file.path, line: first, message: message, amount: count)
        }
    }
}

/// Where the body of the function declared at `start` closes; nil where there is no body, as in
/// a protocol or in a call `.init(…)`.
private func functionEnd(in code: [UInt8], from start: Int) -> Int? {
    if start > 0, code[start - 1] == UInt8(ascii: ".") { return nil }
    return code.withUnsafeBufferPointer { code in
        var parentheses = 0
        var braces = 0
        var sawParameters = false
        for offset in start..<code.count {
            switch code[offset] {
            case UInt8(ascii: "("), UInt8(ascii: "["):
                parentheses += 1
                sawParameters = true
            case UInt8(ascii: ")"), UInt8(ascii: "]"):
                parentheses -= 1
                if parentheses < 0 { return nil }
            case UInt8(ascii: "{") where parentheses == 0 || braces > 0:
                if !sawParameters { return nil }
                braces += 1
            case UInt8(ascii: "}") where parentheses == 0 || braces > 0:
                braces -= 1
                if braces < 0 { return nil }
                if braces == 0 { return offset }
            default:
                continue
            }
        }
        return nil
    }
}
