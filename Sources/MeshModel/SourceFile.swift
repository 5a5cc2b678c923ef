// SPDX-License-Identifier: Apache-2.0

/// A file an operator wrote: its path as it should be named in messages, and its text.
package struct SourceFile: Hashable, Sendable {
    /// The path as the operator gave it.
    package var path: String
    /// Zero or more YAML documents.
    package var text: String

    /// The file at `path` with `text`.
    package init(path: String, text: String) {
        self.path = path
        self.text = text
    }
}

/// Where a value was written: a file, a line and column that start at 1, and the path of fields
/// that leads to it within its resource.
package struct Place: Hashable, Sendable, Comparable {
    /// The file's path.
    package var file: String
    /// The line, from 1.
    package var line: Int
    /// The column, from 1, counted in Unicode scalars.
    package var column: Int
    /// The path within the resource: `spec.rules[0].backendRefs[0].name`.
    package var field: String

    /// The place of the given parts.
    package init(file: String, line: Int, column: Int, field: String) {
        self.file = file
        self.line = line
        self.column = column
        self.field = field
    }

    /// `file:line:column`.
    package var text: String { "\(file):\(line):\(column)" }

    package static func < (a: Place, b: Place) -> Bool {
        (a.file, a.line, a.column, a.field) < (b.file, b.line, b.column, b.field)
    }
}

/// A value and where it was written.
package struct Located<Value: Hashable & Sendable>: Hashable, Sendable {
    /// The value.
    package var value: Value
    /// Where it was written.
    package var place: Place

    /// `value`, written at `place`.
    package init(_ value: Value, at place: Place) {
        self.value = value
        self.place = place
    }
}
