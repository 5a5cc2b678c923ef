// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshModel
package import MeshSnapshot

/// A fleet file held against a configuration: one server for each endpoint, and what goes wrong
/// when.
package struct FleetPlan: Sendable {
    /// The servers, in the order of the snapshot's endpoints; an address that several backends
    /// share is one server.
    package var servers: [ServerPlan] = []
    /// What goes wrong, in order of time.
    package var incidents: [Timed] = []
    /// Which entries of the file fit any endpoint.
    package var usedEntries: Set<Int> = []

    /// Something that happens to a server at a set time.
    package struct Timed: Sendable {
        /// When.
        package var at: Instant
        /// What.
        package var incident: Incident
    }

    /// The plan that `fleet` makes of the endpoints of `snapshot`, or nil, and everything that
    /// is wrong, sorted.
    ///
    /// **Errors** an unknown profile; an endpoint that no entry speaks of.
    package static func resolve(
        _ fleet: FleetDocument, over snapshot: Snapshot
    ) -> (plan: FleetPlan?, diagnostics: [Diagnostic]) {
        var plan = FleetPlan()
        var diagnostics: [Diagnostic] = []
        let profiles = fleet.servers.map { entry in
            profile(of: entry, &diagnostics)
        }
        var known: Set<String> = []
        for endpoint in snapshot.endpoints {
            let backend = snapshot.backends[Int(endpoint.backend)].name
            guard let index = entry(for: endpoint.authority, of: backend, in: fleet) else {
                diagnostics.append(missing(endpoint.authority, backend, fleet))
                continue
            }
            plan.usedEntries.insert(index)
            guard known.insert(endpoint.authority).inserted, let profile = profiles[index] else {
                continue
            }
            let number = plan.servers.count
            plan.servers.append(ServerPlan(endpoint.authority, profile: profile))
            plan.incidents += FaultTimeline(fleet.servers[index].faults).incidents(of: number)
        }
        guard diagnostics.isEmpty else { return (nil, diagnostics.sorted()) }
        // The order of servers decides among incidents of one instant.
        plan.incidents = plan.incidents.enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
        return (plan, [])
    }

    /// The entry that speaks of an endpoint most precisely.
    private static func entry(
        for authority: String, of backend: String, in fleet: FleetDocument
    ) -> Int? {
        let fitting = fleet.servers.indices.filter { index in
            let entry = fleet.servers[index]
            return entry.names(backend: backend)
                && (entry.endpoint == nil || entry.endpoint?.value == authority)
        }
        return fitting.first { fleet.servers[$0].endpoint != nil }
            ?? fitting.first { fleet.servers[$0].backend.value != "*" } ?? fitting.first
    }

    private static func missing(
        _ authority: String, _ backend: String, _ fleet: FleetDocument
    ) -> Diagnostic {
        Diagnostic(
            at: Place(file: fleet.file, line: 1, column: 1, field: "spec.servers"),
            resource: "Fleet/\(fleet.name)",
            message: "endpoint `\(authority)` of Backend `\(backend)` has no entry",
            remedy: "add one with `backend: \(backend)`, or one with `backend: \"*\"` for all")
    }

    private static func profile(
        of entry: FleetDocument.Server, _ diagnostics: inout [Diagnostic]
    ) -> EngineProfile? {
        let names = EngineProfile.all.map(\.name)
        guard var profile = EngineProfile.named(entry.profile.value) else {
            let nearest = Suggestion.nearest(to: entry.profile.value, among: names)
            let known = names.map { "`\($0)`" }.joined(separator: ", ")
            diagnostics.append(
                Diagnostic(
                    at: entry.profile.place, resource: "Fleet",
                    message: "unknown profile \(quoted(entry.profile.value))",
                    remedy: (nearest.map { "did you mean `\($0)`? " } ?? "")
                        + "the profiles are \(known)"))
            return nil
        }
        for override in entry.engine { profile.set(override.name, to: override.value) }
        return profile
    }
}

extension EngineProfile {
    /// Sets a coefficient by the name that it has in a fleet file; false for unknown ones.
    @discardableResult
    mutating func set(_ name: String, to value: Int) -> Bool {
        switch name {
        case "frontEndMicroseconds": frontEnd = .microseconds(Int64(value))
        case "stepBaseMicroseconds": stepBase = .microseconds(Int64(value))
        case "perSequenceNanoseconds": perSequence = Nanoseconds(Int64(value))
        case "perContextTokenPicoseconds": perContextToken = Double(value) / 1000
        case "prefillTokensPerSecond": prefillTokensPerSecond = value
        case "perAttentionPairPicoseconds": perAttentionPair = Double(value) / 1000
        case "cacheTokens": cacheTokens = value
        case "contextTokensMax": contextTokensMax = value
        case "batchedTokensMax": batchedTokensMax = value
        case "sequencesMax": sequencesMax = value
        case "waitingMax": waitingMax = value
        case "jitterPermille": jitterPermille = value
        default: return false
        }
        return true
    }
}
