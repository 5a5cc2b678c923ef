// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshCompiler
import MeshControl
import MeshModel
import MeshSimulator
import MeshSnapshot

/// One configuration with the machines that it runs on.
struct SimulatedSide {
    /// What it is called.
    let name: String
    /// The configuration.
    let snapshot: Snapshot
    /// The machines.
    let plan: FleetPlan
    /// The fleet they were taken from.
    let fleet: FleetDocument
    /// The names that were given addresses.
    let names: [String]

    /// Reads and compiles all that was named; everything that is wrong is printed at once.
    static func prepare(
        config: [String], against: [String], fleet path: String
    ) throws -> [SimulatedSide] {
        var problems: [Diagnostic] = []
        let (fleet, fleetProblems) = FleetDocument.parse(try read([path])[0])
        problems += fleetProblems
        let groups = against.isEmpty ? [config] : [config, against]
        let shown = titles(groups)
        var sides: [SimulatedSide] = []
        for (paths, title) in zip(groups, shown) {
            let side = try prepare(paths, title, fleet, &problems)
            if let side { sides.append(side) }
        }
        if let fleet, sides.count == groups.count { problems += unused(fleet, sides) }
        let errors = problems.filter { $0.severity == .error }
        guard errors.isEmpty, fleet != nil, sides.count == groups.count else {
            for problem in problems.sorted() { Terminal.err(problem.description) }
            Terminal.err(
                "nothing was simulated: \(Terminal.count(errors.count, "error"))")
            throw Terminal.wrongConfiguration
        }
        return sides
    }

    private static func read(_ paths: [String]) throws -> [SourceFile] {
        do {
            return try ConfigurationFiles(paths: paths).read()
        } catch {
            Terminal.err("\(error)")
            throw Terminal.wrongConfiguration
        }
    }

    private static func prepare(
        _ paths: [String], _ title: String, _ fleet: FleetDocument?,
        _ problems: inout [Diagnostic]
    ) throws -> SimulatedSide? {
        let (resources, parsing) = ResourceSet.parse(try read(paths))
        let names = Compiler.compile(resources, resolved: ResolvedNames(), version: 1).names
        let (resolved, unresolved) =
            fleet.map { MadeUpAddresses.resolve(names, fleet: $0) } ?? (ResolvedNames(), [])
        let compilation = Compiler.compile(resources, resolved: resolved, version: 1)
        problems += unresolved
        problems += Controller.sorted(parsing, compilation.diagnostics).filter {
            $0.severity == .error
        }
        guard let snapshot = compilation.snapshot, let fleet else { return nil }
        let (plan, missing) = FleetPlan.resolve(fleet, over: snapshot)
        problems += missing
        guard let plan else { return nil }
        return SimulatedSide(
            name: title, snapshot: snapshot, plan: plan, fleet: fleet,
            names: names.map(\.hostname))
    }

    /// The file names of both sides, or their paths where the names are the same.
    private static func titles(_ groups: [[String]]) -> [String] {
        let names = groups.map { paths in
            paths.map { ($0 as NSString).lastPathComponent }.joined(separator: "+")
        }
        return Set(names).count == names.count
            ? names : groups.map { $0.joined(separator: "+") }
    }

    /// What the fleet speaks of and no side has.
    private static func unused(
        _ fleet: FleetDocument, _ sides: [SimulatedSide]
    ) -> [Diagnostic] {
        let resource = "Fleet/\(fleet.name)"
        let used = sides.reduce(into: Set<Int>()) { $0.formUnion($1.plan.usedEntries) }
        let backends = sides.flatMap { $0.snapshot.backends.map(\.name) }
        let known = Set(backends).sorted().map { "`\($0)`" }.joined(separator: ", ")
        let entries = fleet.servers.indices.filter { !used.contains($0) }.map { index in
            let entry = fleet.servers[index]
            let place = entry.endpoint?.place ?? entry.backend.place
            let what = entry.endpoint.map { "endpoint \(quoted($0.value)) of " } ?? ""
            return Diagnostic(
                at: place, resource: resource,
                message: "the entry for \(what)backend \(quoted(entry.backend.value)) fits no "
                    + "endpoint that is not taken",
                remedy: "correct or remove it; the backends are \(known)")
        }
        let hostnames = Set(sides.flatMap(\.names))
        let names = fleet.names.filter { !hostnames.contains($0.hostname.value) }.map { name in
            Diagnostic(
                at: name.hostname.place, resource: resource,
                message: "no Backend uses the name \(quoted(name.hostname.value))",
                remedy: "correct or remove it")
        }
        return entries + names
    }

    // MARK: Models

    /// The model to ask for where a workload names none.
    ///
    /// **Errors** a name that a side does not offer; none named and not exactly one offered.
    static func model(
        _ name: String?, specs: [String?], _ sides: [SimulatedSide]
    ) throws -> String {
        let offered = sides.map(\.models)
        for wanted in Set(specs.compactMap { $0 ?? name }).sorted() {
            for (side, models) in zip(sides, offered)
            where !models.isEmpty && !models.contains(wanted) && !models.contains("*") {
                let nearest = Suggestion.nearest(to: wanted, among: models)
                Terminal.err(
                    "\(side.name): no Model is called `\(wanted)`; "
                        + (nearest.map { "did you mean `\($0)`? " } ?? "")
                        + "offered are \(models.joined(separator: ", "))")
                throw Terminal.wrongConfiguration
            }
        }
        if let name { return name }
        guard specs.contains(nil) else { return "" }
        let shared = Set(offered.flatMap { $0 }).sorted()
        if shared.count == 1, shared[0] != "*" { return shared[0] }
        // Without Models, routes decide, and the name matters to nobody.
        if shared.isEmpty { return "simulated" }
        Terminal.err(
            "the workload does not say for which model it asks; write `model=` into it, or "
                + "--model with one of \(shared.joined(separator: ", "))")
        throw Terminal.wrongConfiguration
    }

    /// The names under which models are offered on the first port, sorted.
    private var models: [String] {
        let listeners = snapshot.ports.first?.listeners ?? []
        let names = listeners.flatMap { $0.models.map { String(decoding: $0.name, as: UTF8.self) } }
        return Set(names).sorted()
    }

    // MARK: Notes

    /// What was assumed for `sides`.
    static func notes(_ sides: [SimulatedSide]) -> [String] {
        var notes: [String] = []
        if sides.contains(where: { !$0.names.isEmpty }) {
            notes.append("names of backends stand for made-up addresses in 198.18.0.0/15")
        }
        if sides.contains(where: { $0.snapshot.backends.contains { $0.tls != nil } }) {
            notes.append("TLS towards backends is not simulated and costs no time")
        }
        if sides.contains(where: { $0.snapshot.ports.count > 1 }) {
            notes.append("callers use the first port of each configuration only")
        }
        return notes
    }
}
