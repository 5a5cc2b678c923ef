// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A value of a resource on the way to its typed form: the tree, and how it was reached.
///
/// Reading is lenient: what does not fit reads as absent, because the check against the shape has
/// already reported it.
struct Cursor {
    /// The value.
    let tree: YAMLTree
    /// The file it stands in.
    let file: String
    /// The path of fields that leads to it.
    let field: String

    /// Where it stands.
    var place: Place {
        Place(file: file, line: tree.line, column: tree.column, field: field)
    }

    /// The value of a field, or nil when it is absent or null.
    subscript(name: String) -> Cursor? {
        guard let value = tree[name] else { return nil }
        return Cursor(tree: value, file: file, field: field.isEmpty ? name : "\(field).\(name)")
    }

    /// The elements of a list field; none when it is absent.
    func elements(_ name: String) -> [Cursor] {
        self[name]?.elements ?? []
    }

    /// The elements of this list.
    var elements: [Cursor] {
        tree.elements.enumerated().map { index, element in
            Cursor(tree: element, file: file, field: "\(field)[\(index)]")
        }
    }

    /// The text of this scalar.
    var text: Located<String>? {
        tree.text.map { Located($0, at: place) }
    }

    /// The text of a field.
    func text(_ name: String) -> Located<String>? { self[name]?.text }

    /// The texts of a list field.
    func texts(_ name: String) -> [Located<String>] { elements(name).compactMap(\.text) }

    /// The number of this scalar.
    var integer: Located<Int>? {
        guard case .scalar(let text, false) = tree.content, let value = Int(text) else {
            return nil
        }
        return Located(value, at: place)
    }

    /// The number of a field.
    func integer(_ name: String) -> Located<Int>? { self[name]?.integer }

    /// The port of a field.
    func port(_ name: String) -> Located<UInt16>? {
        guard let number = integer(name), let port = UInt16(exactly: number.value), port > 0 else {
            return nil
        }
        return Located(port, at: number.place)
    }

    /// The boolean of a field.
    func boolean(_ name: String) -> Located<Bool>? {
        guard let child = self[name], case .scalar(let text, false) = child.tree.content,
            let value = CoreSchema.boolean(text)
        else { return nil }
        return Located(value, at: child.place)
    }

    /// The duration of a field.
    func duration(_ name: String) -> Located<Nanoseconds>? {
        guard let text = text(name), let value = Notation.duration(text.value) else { return nil }
        return Located(value, at: text.place)
    }

    /// The number of bytes of a field.
    func byteSize(_ name: String) -> Located<Int>? {
        guard let text = text(name), let value = Notation.byteSize(text.value) else { return nil }
        return Located(value, at: text.place)
    }

    /// The decimal number of a field in millionths.
    func millionths(_ name: String) -> Located<Int64>? {
        guard let text = text(name), let value = Notation.millionths(text.value) else {
            return nil
        }
        return Located(value, at: text.place)
    }

    /// The elements of a field that is one value or a list of them.
    func oneOrSome(_ name: String) -> [Cursor] {
        guard let child = self[name] else { return [] }
        if case .list = child.tree.content { return child.elements }
        return [child]
    }

    /// The names and texts of a field of labels, sorted by name.
    func labels(_ name: String) -> [Metadata.Label] {
        guard case .map(let entries)? = self[name]?.tree.content else { return [] }
        return entries.compactMap { entry in
            entry.value.text.map { Metadata.Label(key: entry.key, value: $0) }
        }.sorted { $0.key < $1.key }
    }
}
