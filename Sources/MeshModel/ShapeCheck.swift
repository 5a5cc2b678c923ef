// SPDX-License-Identifier: Apache-2.0

/// Compares a tree with a shape and collects every difference.
struct ShapeCheck {
    /// What was found so far.
    private(set) var diagnostics: [Diagnostic] = []
    private let file: String
    private let resource: String
    private var path: [Step] = []

    private enum Step {
        case field(String)
        case element(Int)
    }

    /// A check of a resource of `file` that messages call `resource`.
    init(file: String, resource: String) {
        self.file = file
        self.resource = resource
    }

    /// Collects what of `tree` does not fit `shape`.
    ///
    /// **Complexity** O(n) in the size of the tree, times the number of fields of an object.
    mutating func check(_ tree: YAMLTree, against shape: Shape) {
        switch shape {
        case .ignored: break
        case .object(let fields): checkObject(tree, fields)
        case .list(let element, let count): checkList(tree, element, count)
        case .labels: checkLabels(tree)
        case .secrets: checkSecrets(tree)
        case .boolean:
            guard let text = plain(tree), CoreSchema.boolean(text) != nil else {
                report(tree, "expected `true` or `false`, found \(tree.kind)", "write one of them")
                return
            }
        case .integer(let range): checkInteger(tree, range)
        case .byteSize(let range): checkByteSize(tree, range)
        case .decimal(let most): checkDecimal(tree, most)
        case .oneOrSome(let element, let most):
            if case .list = tree.content {
                checkList(tree, element, 1...most)
            } else {
                check(tree, against: element)
            }
        case .choice(let values, let refused): checkChoice(tree, values, refused)
        case .text(let format):
            guard let text = string(tree) else { return }
            if !format.accepts(text) {
                let shown = isConfidential ? "the value" : quoted(text)
                report(tree, "\(shown) is not \(format.title)", format.remedy)
            }
        }
    }

    private mutating func checkObject(_ tree: YAMLTree, _ fields: [Field]) {
        guard case .map(let entries) = tree.content else {
            let known = fields.lazy.filter { !$0.isRefused }.prefix(3).map { "`\($0.name)`" }
            report(
                tree, "expected a mapping, found \(kind(of: tree))",
                "write fields like \(known.joined(separator: ", "))")
            return
        }
        for entry in entries {
            path.append(.field(entry.key))
            defer { path.removeLast() }
            guard let field = fields.first(where: { $0.name == entry.key }) else {
                unknown(entry, fields)
                continue
            }
            if field.isRefused {
                report(
                    line: entry.line, column: entry.column,
                    "`\(entry.key)` is not supported", field.note)
            } else if !entry.value.isNull {
                check(entry.value, against: field.shape)
            }
        }
        for field in fields where field.isRequired && tree[field.name] == nil {
            path.append(.field(field.name))
            defer { path.removeLast() }
            report(tree, "the field is missing", "add `\(field.name)`: \(field.note)")
        }
    }

    private mutating func unknown(_ entry: YAMLTree.Entry, _ fields: [Field]) {
        let names = fields.filter { !$0.isRefused }.map(\.name)
        let remedy: String
        if entry.key == "<<" {
            remedy = "write the fields out: merge keys are not part of YAML 1.2"
        } else if let nearest = Suggestion.nearest(to: entry.key, among: names) {
            remedy = "did you mean `\(nearest)`?"
        } else {
            remedy = "known here: \(names.map { "`\($0)`" }.joined(separator: ", "))"
        }
        report(
            line: entry.line, column: entry.column, "unknown field \(quoted(entry.key))", remedy)
    }

    private mutating func checkList(
        _ tree: YAMLTree, _ element: Shape, _ count: ClosedRange<Int>
    ) {
        guard case .list(let elements) = tree.content else {
            report(
                tree, "expected a list, found \(tree.kind)",
                "write each element on a line of its own with `- ` in front")
            return
        }
        if elements.count < count.lowerBound {
            report(tree, "the list is empty", "add at least \(count.lowerBound)")
        } else if elements.count > count.upperBound {
            report(
                tree, "the list has \(elements.count) elements",
                "write at most \(count.upperBound)")
        }
        for (index, value) in elements.enumerated() {
            path.append(.element(index))
            check(value, against: element)
            path.removeLast()
        }
    }

    private mutating func checkLabels(_ tree: YAMLTree) {
        guard case .map(let entries) = tree.content else {
            report(tree, "expected a mapping, found \(tree.kind)", "write lines like `key: value`")
            return
        }
        for entry in entries where !entry.value.isNull {
            path.append(.field(entry.key))
            _ = string(entry.value)
            path.removeLast()
        }
    }

    /// Like labels, but nothing of a value is ever repeated.
    private mutating func checkSecrets(_ tree: YAMLTree) {
        guard case .map(let entries) = tree.content else {
            report(tree, "expected a mapping", "write lines like `key: value`")
            return
        }
        for entry in entries {
            path.append(.field(entry.key))
            defer { path.removeLast() }
            guard case .scalar(let text, let isQuoted) = entry.value.content else {
                report(entry.value, "expected a string", "write the value as text, in quotes")
                continue
            }
            if !isQuoted, CoreSchema.boolean(text) != nil || CoreSchema.isNumber(text) {
                report(entry.value, "expected a string", "put the value in quotes")
            }
        }
    }

    private mutating func checkInteger(_ tree: YAMLTree, _ range: ClosedRange<Int>) {
        guard let text = plain(tree), let value = Int(text) else {
            report(
                tree, "expected a whole number, found \(tree.kind)",
                "write a number from \(range.lowerBound) to \(range.upperBound) without quotes")
            return
        }
        if !range.contains(value) {
            report(
                tree, "\(value) is out of range",
                "write a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private mutating func checkByteSize(_ tree: YAMLTree, _ range: ClosedRange<Int>) {
        guard let text = tree.text, let value = Notation.byteSize(text) else {
            report(
                tree, "expected a number of bytes, found \(tree.kind)",
                "write it like `65536`, `64Ki` or `16Mi`")
            return
        }
        if !range.contains(value) {
            report(
                tree, "\(value) bytes are out of range",
                "write a size from \(range.lowerBound) to \(range.upperBound) bytes")
        }
    }

    private mutating func checkDecimal(_ tree: YAMLTree, _ most: Int) {
        guard let text = tree.text, let value = Notation.millionths(text) else {
            report(
                tree, "expected a decimal number, found \(tree.kind)",
                "write digits, and at most six of them behind the point: `12.50`")
            return
        }
        if value > Int64(most) * 1_000_000 {
            report(tree, "\(text) is out of range", "write a number from 0 to \(most)")
        }
    }

    private mutating func checkChoice(
        _ tree: YAMLTree, _ values: [String], _ refused: [Shape.Refused]
    ) {
        guard let text = string(tree), !values.contains(text) else { return }
        if let refused = refused.first(where: { $0.value == text }) {
            report(tree, "\(quoted(text)) is not supported", refused.remedy)
        } else if let nearest = Suggestion.nearest(to: text, among: values) {
            report(tree, "\(quoted(text)) is not known here", "did you mean `\(nearest)`?")
        } else {
            let known = values.map { "`\($0)`" }.joined(separator: ", ")
            report(
                tree, "\(quoted(text)) is not known here",
                values.count == 1 ? "write \(known)" : "write one of \(known)")
        }
    }

    /// The text of a plain scalar.
    private func plain(_ tree: YAMLTree) -> String? {
        if case .scalar(let text, false) = tree.content { text } else { nil }
    }

    /// The text of a string; anything else is reported.
    private mutating func string(_ tree: YAMLTree) -> String? {
        guard case .scalar(let text, let isQuoted) = tree.content else {
            report(tree, "expected a string, found \(kind(of: tree))", "write text")
            return nil
        }
        if !isQuoted, CoreSchema.boolean(text) != nil || CoreSchema.isNumber(text) {
            let isShown = !isConfidential
            report(
                tree, "expected a string, found \(kind(of: tree))",
                isShown ? "put it in quotes: \"\(text)\"" : "put it in quotes")
            return nil
        }
        return text
    }

    /// Whether what stands here may be a secret, or was meant to be one, so that no message
    /// repeats it.
    private var isConfidential: Bool {
        let names = path.compactMap { if case .field(let name) = $0 { name } else { nil } }
        if names.contains(where: { $0.lowercased().contains("credential") }) { return true }
        return names.last == "value" && names.contains { $0.hasSuffix("HeaderModifier") }
    }

    private func kind(of tree: YAMLTree) -> String {
        if case .scalar = tree.content, isConfidential { return "a plain value" }
        return tree.kind
    }

    private mutating func report(_ tree: YAMLTree, _ message: String, _ remedy: String) {
        report(line: tree.line, column: tree.column, message, remedy)
    }

    private mutating func report(
        line: Int, column: Int, _ message: String, _ remedy: String
    ) {
        var field = ""
        for step in path {
            switch step {
            case .field(let name): field += field.isEmpty ? name : ".\(name)"
            case .element(let index): field += "[\(index)]"
            }
        }
        diagnostics.append(
            Diagnostic(
                at: Place(file: file, line: line, column: column, field: field),
                resource: resource, message: message, remedy: remedy))
    }
}
