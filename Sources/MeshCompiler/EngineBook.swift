// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshPolicy
import MeshSnapshot

/// The PolicyEngines, ready to be asked: `EngineID` is an index into them and into those of the
/// catalog.
struct EngineBook {
    /// The engines, in the order of the catalog; nil where one could not be made.
    private(set) var engines: [PolicyEngine?] = []

    /// The engines of `catalog`; what they are told and keep answers by is added to `layout`, what
    /// is wrong goes to `report`.
    init(_ catalog: Catalog, layout: inout FactLayout, _ report: inout Report) {
        for written in catalog.engines {
            engines.append(report.engine(written, catalog, &layout))
        }
    }

    /// The engine with the number `index`.
    subscript(index: Int) -> (number: EngineID, is: PolicyEngine)? {
        engines[index].map { (EngineID(index), $0) }
    }
}

extension Report {
    /// The engine that `written` stands for; nil when that is not definite.
    fileprivate mutating func engine(
        _ written: PolicyEngineResource, _ catalog: Catalog, _ layout: inout FactLayout
    ) -> PolicyEngine? {
        let metadata = written.metadata
        guard let spoken = written.speech, let backend = written.backend else { return nil }
        let index = resolve(backend, .backend, in: metadata, catalog)
        let speech = speech(of: written, spoken.value)
        let facts = facts(of: written, spoken.value, &layout)
        let headers = headers(of: written, spoken.value)
        checkUpstreamHeaders(of: written, spoken.value)
        let timeout = timeout(of: written)
        let cache = cache(of: written, &layout)
        guard let index, let speech else { return nil }
        return PolicyEngine(
            name: metadata.id.text, speech: speech, backend: BackendID(index), timeout: timeout,
            allowsOnFailure: written.allowsOnFailure,
            statusOnFailure: written.statusOnError ?? 503, facts: facts, headers: headers,
            upstreamHeaders: (written.upstreamHeaders?.value ?? []).map {
                Array($0.lowercased().utf8)
            }, cache: cache, layout: layout)
    }

    private mutating func speech(
        of written: PolicyEngineResource, _ speech: PolicyEngineResource.Speech
    ) -> PolicyEngine.Speech? {
        let metadata = written.metadata
        let path = written.path?.value ?? ""
        if let place = written.path?.place, path.contains(where: { $0 == "?" || $0 == "#" }) {
            error(place, metadata, "the path has a query", "write the path alone")
            return nil
        }
        switch speech {
        case .extAuthzGRPC:
            if let path = written.path {
                error(
                    path.place, metadata, "`path` means nothing for gRPC",
                    "remove it: the method is envoy.service.auth.v3.Authorization/Check")
                return nil
            }
            return .extAuthzGRPC
        case .extAuthzHTTP:
            var prefix = Array(path.utf8)
            while prefix.last == UInt8(ascii: "/") { prefix.removeLast() }
            return .extAuthzHTTP(pathPrefix: prefix)
        case .opa:
            guard let place = written.path?.place else {
                missing(
                    metadata.place, metadata, "nothing says which document decides",
                    "add `path: /v1/data/…` with the package and the rule")
                return nil
            }
            guard path.hasPrefix(Self.dataPath), path.count > Self.dataPath.count else {
                error(
                    place, metadata, "\(quoted(path)) is no document of OPA's data API",
                    "write `\(Self.dataPath)` and behind it the package and the rule")
                return nil
            }
            return .opa(path: Array(path.utf8))
        }
    }

    private static let dataPath = "/v1/data/"

    /// The facts that it is told, each once, in the order of their list. The map of header fields
    /// is none of them: what of it is told is said by `headers`.
    private mutating func facts(
        of written: PolicyEngineResource, _ speech: PolicyEngineResource.Speech,
        _ layout: inout FactLayout
    ) -> [PolicyEngine.Told] {
        var wanted: [Fact] = []
        if let names = written.facts {
            for name in names { wanted += facts(called: name, of: written.metadata) }
        } else if speech == .opa {
            wanted = Fact.allCases.filter { $0.stage == .head }
        }
        return Fact.allCases.filter { wanted.contains($0) && $0 != .requestHeaders }
            .compactMap { fact in
                layout.slot(ofFact: fact.rawValue).map { PolicyEngine.Told(fact: fact, slot: $0) }
            }
    }

    private mutating func facts(
        called name: Located<String>, of engine: Metadata
    ) -> [Fact] {
        let known = Fact.allCases.filter { $0.stage != .destination }
        let found = known.filter {
            $0.name == name.value || $0.name.hasPrefix(name.value + ".")
        }
        if !found.isEmpty { return found }
        if Fact.allCases.contains(where: { $0.name.hasPrefix(name.value) }) {
            error(
                name.place, engine,
                "\(quoted(name.value)) is known too late: an engine is asked once, before a "
                    + "Backend is chosen",
                "leave it out, or let a rule of your own read it")
        } else {
            error(
                name.place, engine, "there is no fact \(quoted(name.value))",
                Suggestion.nearest(to: name.value, among: known.map(\.name))
                    .map { "did you mean `\($0)`?" } ?? "write one of Docs/facts.md")
        }
        return []
    }

    private mutating func headers(
        of written: PolicyEngineResource, _ speech: PolicyEngineResource.Speech
    ) -> PolicyEngine.HeaderSelection {
        guard let names = written.headers else {
            return speech == .extAuthzHTTP ? .some([Array("authorization".utf8)]) : .all
        }
        if names.contains(where: { $0.value == "*" }) {
            if names.count > 1 {
                warning(
                    names[0].place, written.metadata,
                    "`*` stands for every header field, so the others change nothing",
                    "keep `*` alone")
            }
            return .all
        }
        for name in names where !Format.headerName.accepts(name.value) {
            error(
                name.place, written.metadata, "\(quoted(name.value)) is no header name",
                "write letters, digits and dashes, or `*` for every header field")
        }
        return .some(names.map { Array($0.value.lowercased().utf8) })
    }

    private mutating func checkUpstreamHeaders(
        of written: PolicyEngineResource, _ speech: PolicyEngineResource.Speech
    ) {
        guard let names = written.upstreamHeaders, speech != .extAuthzHTTP else { return }
        error(
            names.place, written.metadata,
            "`upstreamHeaders` means nothing for \(speech.rawValue): its answers say themselves "
                + "what goes on to the backend",
            "remove it")
    }

    private mutating func timeout(of written: PolicyEngineResource) -> Nanoseconds {
        guard let timeout = written.timeout else { return .milliseconds(200) }
        if timeout.value <= .zero || timeout.value > .seconds(30) {
            error(
                timeout.place, written.metadata,
                "every request waits that long when the engine is gone",
                "write a duration above `0s` and up to `30s`")
        }
        return timeout.value
    }

    private mutating func cache(
        of written: PolicyEngineResource, _ layout: inout FactLayout
    ) -> PolicyEngine.Cache? {
        guard let cache = written.cache else { return nil }
        if cache.ttl.value <= .zero || cache.ttl.value > .seconds(86_400) {
            error(
                cache.ttl.place, written.metadata, "nothing can be kept for that long",
                "write a duration above `0s` and up to `24h`")
        }
        var programs: [Program] = []
        for text in cache.key {
            guard let program = program(text, expecting: .dyn, in: written.metadata, &layout)
            else { continue }
            let late = program.slots.compactMap { Fact(rawValue: layout.slots[$0].fact) }
                .first { $0.stage == .destination }
            if let late {
                error(
                    text.place, written.metadata,
                    "`\(late.name)` is known too late: an engine is asked once, before a Backend "
                        + "is chosen", "leave it out")
            } else {
                programs.append(program)
            }
        }
        if !programs.isEmpty, programs.allSatisfy({ $0.slots.isEmpty }) {
            error(
                cache.key[0].place, written.metadata,
                "the key is the same for every request, so all would get the first one's answer",
                "name the facts that the engine's policy goes by")
        }
        return PolicyEngine.Cache(
            lifetime: cache.ttl.value, entriesMax: cache.entries ?? 10_000, key: programs)
    }

    /// The program of `text`, or nil; what is wrong with it is noted where it is written.
    mutating func program(
        _ text: EmbeddedText, expecting type: MeshPolicy.`Type`, in resource: Metadata,
        _ layout: inout FactLayout
    ) -> Program? {
        do {
            return try Program.compile(
                text.text, in: Fact.environment, expecting: type, layout: &layout)
        } catch {
            for mistake in error.mistakes {
                self.error(
                    text.place(line: mistake.line, column: mistake.column), resource,
                    mistake.message, mistake.remedy)
            }
            return nil
        }
    }
}
