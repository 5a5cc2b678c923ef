// SPDX-License-Identifier: Apache-2.0

/// Something that is wrong with what an operator wrote, and what to do about it.
///
/// Diagnostics are values that are collected, never thrown: a reader wants to see every mistake
/// of a file at once. They are ordered by file, line and column.
package struct Diagnostic: Hashable, Sendable {
    /// Whether it prevents a snapshot.
    package var severity: Severity
    /// The file's path.
    package var file: String
    /// The line, from 1.
    package var line: Int
    /// The column, from 1.
    package var column: Int
    /// The resource: `HTTPRoute/chat`; empty where none is known.
    package var resource: String
    /// The path within the resource; empty for the whole of it.
    package var field: String
    /// What is wrong, with the value that was found.
    package var message: String
    /// What a person does next.
    package var remedy: String

    /// Whether a diagnostic prevents a snapshot.
    package enum Severity: Hashable, Sendable {
        /// Nothing can be served from this configuration.
        case error
        /// It works, but hardly as meant.
        case warning
    }

    /// A diagnostic about what stands at `place`.
    package init(
        _ severity: Severity = .error, at place: Place, resource: String, message: String,
        remedy: String
    ) {
        self.severity = severity
        self.file = place.file
        self.line = place.line
        self.column = place.column
        self.resource = resource
        self.field = place.field
        self.message = message
        self.remedy = remedy
    }
}

extension Diagnostic: Comparable {
    package static func < (a: Diagnostic, b: Diagnostic) -> Bool {
        if (a.file, a.line, a.column) != (b.file, b.line, b.column) {
            return (a.file, a.line, a.column) < (b.file, b.line, b.column)
        }
        return (a.resource, a.field, a.message, a.remedy)
            < (b.resource, b.field, b.message, b.remedy)
    }
}

extension Diagnostic: CustomStringConvertible {
    /// One line: `file:line:column: kind/name: field: what is wrong; what to do`.
    package var description: String {
        var parts = ["\(file):\(line):\(column)"]
        if severity == .warning { parts.append("warning") }
        if !resource.isEmpty { parts.append(resource) }
        if !field.isEmpty { parts.append(field) }
        parts.append(remedy.isEmpty ? message : "\(message); \(remedy)")
        return parts.joined(separator: ": ")
    }
}
