// SPDX-License-Identifier: Apache-2.0

import MeshModel

/// Collects what is wrong.
struct Report {
    /// What was found so far.
    private(set) var diagnostics: [Diagnostic] = []
    /// Whether warnings are left out: with errors elsewhere, most of what looks unused or empty
    /// is only their consequence.
    let isQuiet: Bool

    /// A report that leaves out warnings when `isQuiet`.
    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    /// Whether anything prevents a snapshot.
    var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// Notes an error in `resource`.
    mutating func error(
        _ place: Place, _ resource: Metadata, _ message: String, _ remedy: String
    ) {
        diagnostics.append(
            Diagnostic(at: place, resource: resource.label, message: message, remedy: remedy))
    }

    /// Notes something doubtful in `resource`.
    mutating func warning(
        _ place: Place, _ resource: Metadata, _ message: String, _ remedy: String
    ) {
        guard !isQuiet else { return }
        diagnostics.append(
            Diagnostic(
                .warning, at: place, resource: resource.label, message: message, remedy: remedy))
    }

    /// Notes an error about an element that is missing in `resource`, unless something else in
    /// it is already known to be wrong: it may only have been misspelt.
    mutating func missing(
        _ place: Place, _ resource: Metadata, _ message: String, _ remedy: String
    ) {
        guard resource.isSound else { return }
        error(place, resource, message, remedy)
    }
}
