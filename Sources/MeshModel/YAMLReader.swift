// SPDX-License-Identifier: Apache-2.0

import Yams

/// Reads one document into trees: the only place that knows the YAML library.
///
/// The library gives up at the first duplicate key of a document. To report every one of them,
/// a duplicate is renamed in a copy of the text (to characters nobody writes, as many as before,
/// so that positions stay) and the document is read again.
struct YAMLReader {
    /// What was found: the roots (one, unless `...` separates more) and what is wrong.
    struct Outcome {
        /// The values of the document, in order.
        var trees: [YAMLTree] = []
        /// What is wrong with it.
        var problems: [Problem] = []
    }

    /// Something wrong with the notation.
    struct Problem {
        /// The line in the file, from 1.
        var line: Int
        /// The column, from 1.
        var column: Int
        /// The key it is about, or empty.
        var field: String
        /// What is wrong.
        var message: String
        /// What to do.
        var remedy: String
    }

    private let lineOffset: Int
    private var nodeCount = 0
    private var placeholders: Set<String> = []

    private init(lineOffset: Int) { self.lineOffset = lineOffset }

    /// What `document` holds.
    static func read(_ document: YAMLDocument) -> Outcome {
        var outcome = Outcome()
        var reader = YAMLReader(lineOffset: document.firstLine - 1)
        var text = document.text
        while true {
            let failure: Failure
            do throws(Failure) {
                outcome.trees = try reader.trees(of: text)
                return outcome
            } catch {
                failure = error
            }
            switch failure {
            case .duplicate(let key, let line, let column):
                guard reader.placeholders.count < Limits.duplicateKeysMax,
                    let found = DuplicateKey.rename(
                        key, firstAt: (line, column), in: text, number: reader.placeholders.count)
                else {
                    outcome.problems.append(reader.duplicate(key, line: line, column: column))
                    return outcome
                }
                text = found.text
                reader.placeholders.insert(found.placeholder)
                outcome.problems.append(
                    reader.duplicate(key, line: found.line, column: found.column, first: line))
            case .syntax(let message, let line, let column):
                outcome.problems.append(
                    Problem(
                        line: line + reader.lineOffset, column: column, field: "",
                        message: "this is not valid YAML: \(message)",
                        remedy: "correct the notation at this position"))
                return outcome
            case .tooLarge(let message):
                outcome.problems.append(
                    Problem(
                        line: document.firstLine, column: 1, field: "", message: message,
                        remedy: "split it into several documents or write aliases out"))
                return outcome
            }
        }
    }

    private enum Failure: Error {
        case syntax(String, line: Int, column: Int)
        case duplicate(String, line: Int, column: Int)
        case tooLarge(String)
    }

    private func duplicate(
        _ key: String, line: Int, column: Int, first: Int? = nil
    ) -> Problem {
        let earlier = first.map { ", first on line \($0 + lineOffset)" } ?? ""
        return Problem(
            line: line + lineOffset, column: column, field: key,
            message: "\(quoted(key)) is written twice in one mapping\(earlier)",
            remedy: "keep one of them")
    }

    private mutating func trees(of text: String) throws(Failure) -> [YAMLTree] {
        nodeCount = 0
        var trees: [YAMLTree] = []
        let parser: Parser
        do {
            // The basic resolver takes every scalar for a string, which spares a dozen regular
            // expressions per key: a third of the time.
            parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        } catch {
            throw Self.failure(error, text)
        }
        while true {
            let root: Node?
            do {
                root = try parser.nextRoot()
            } catch {
                throw Self.failure(error, text)
            }
            guard let root else { return trees }
            let tree = try convert(root, of: text, depth: 0)
            if !tree.isNull { trees.append(tree) }
        }
    }

    private mutating func convert(
        _ node: Node, of text: String, depth: Int
    ) throws(Failure) -> YAMLTree {
        nodeCount += 1
        guard nodeCount <= Limits.documentNodesMax else {
            throw .tooLarge("the document has more than \(Limits.documentNodesMax) values")
        }
        guard depth <= Limits.nestingMax else {
            throw .tooLarge("the document is nested more than \(Limits.nestingMax) levels deep")
        }
        let mark = node.mark
        let line = (mark?.line ?? 1) + lineOffset
        let column = mark?.column ?? 1
        switch node {
        case .scalar(let scalar):
            let isQuoted = scalar.style != .plain
            let isNull = !isQuoted && CoreSchema.isNull(scalar.string)
            return YAMLTree(
                line: line, column: column,
                content: isNull ? .null : .scalar(scalar.string, isQuoted: isQuoted),
                style: Self.style(of: scalar, below: mark?.line ?? 1, in: text))
        case .sequence(let sequence):
            var elements: [YAMLTree] = []
            elements.reserveCapacity(sequence.count)
            for element in sequence {
                elements.append(try convert(element, of: text, depth: depth + 1))
            }
            return YAMLTree(line: line, column: column, content: .list(elements))
        case .mapping(let mapping):
            var entries: [YAMLTree.Entry] = []
            entries.reserveCapacity(mapping.count)
            for (key, value) in mapping {
                guard case .scalar(let scalar) = key else {
                    throw .syntax(
                        "a key is not a scalar", line: key.mark?.line ?? 1,
                        column: key.mark?.column ?? 1)
                }
                let tree = try convert(value, of: text, depth: depth + 1)
                guard !placeholders.contains(scalar.string) else { continue }
                entries.append(
                    YAMLTree.Entry(
                        key: scalar.string, line: (scalar.mark?.line ?? 1) + lineOffset,
                        column: scalar.mark?.column ?? 1, value: tree))
            }
            return YAMLTree(line: line, column: column, content: .map(entries))
        case .alias:
            throw .syntax("an alias stands for nothing", line: line - lineOffset, column: column)
        }
    }

    /// How `scalar`, whose mark is on `line` of `text`, was written.
    private static func style(
        of scalar: Node.Scalar, below line: Int, in text: String
    ) -> ScalarStyle {
        switch scalar.style {
        case .singleQuoted: return .singleQuoted
        case .doubleQuoted: return .doubleQuoted
        case .literal:
            let lines = text.utf8.split(
                separator: UInt8(ascii: "\n"), maxSplits: line + Limits.blankLinesMax,
                omittingEmptySubsequences: false)
            // What stands in front of the text is found in its first line that is not empty.
            for (below, content) in lines.dropFirst(line).enumerated() {
                let blanks = content.prefix { $0 == UInt8(ascii: " ") }.count
                if blanks < content.count { return below == 0 ? .literal(indent: blanks) : .other }
            }
            return .other
        case .folded: return .other
        case .any, .plain: return .plain
        }
    }

    private static func failure(_ error: any Error, _ text: String) -> Failure {
        guard let error = error as? YamlError else {
            return .syntax("\(error)", line: 1, column: 1)
        }
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let prefix = context.map { "\($0.text), " } ?? ""
            return .syntax(prefix + problem, line: mark.line, column: mark.column)
        case .duplicatedKeysInMapping(let keys, let context):
            return .duplicate(
                keys.first ?? "", line: context.mark.line, column: context.mark.column)
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let line = 1 + before.count { $0.isNewline }
            let column = 1 + before.reversed().prefix { !$0.isNewline }.count
            return .syntax(problem, line: line, column: column)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return .syntax("the parser failed", line: 1, column: 1)
        }
    }
}
