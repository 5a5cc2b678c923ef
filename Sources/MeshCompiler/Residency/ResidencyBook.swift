// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshPolicy
import MeshSnapshot

/// What ResidencyPolicies say: the labels there are, what gives them, and where they may go.
struct ResidencyBook {
    /// The labels, sorted.
    private(set) var labels: [String] = []
    /// The policies, in the order of their names.
    private(set) var policies: [ResidencyPolicy] = []
    /// Where each of them is written.
    private(set) var drafts: [ResidencyPolicyResource] = []
    /// Names of header fields that list labels, in lower case, each once.
    private(set) var headers: [[UInt8]] = []
    /// Expressions that give labels.
    private(set) var sources: [LabelSource] = []
    /// Where each of them is written: an index into `drafts`, and the text.
    private(set) var sourceTexts: [(draft: Int, text: EmbeddedText)] = []
    /// The services that are shown the text of requests, each once.
    var classifiers: [ClassifierDraft] = []
    private var given: [PolicyTarget: DataLabels] = [:]

    /// The policies of `catalog`, whose expressions read facts of `layout`; what says nothing
    /// definite goes to `report`.
    init(_ catalog: Catalog, _ layout: inout FactLayout, _ report: inout Report) {
        let written = Set(catalog.residency.map(\.label.value)).sorted()
        labels = Array(written.filter { !$0.isEmpty }.prefix(DataLabels.countMax))
        for policy in catalog.residency {
            guard let label = labels.firstIndex(of: policy.label.value) else {
                if !policy.label.value.isEmpty {
                    report.error(
                        policy.label.place, policy.metadata,
                        "there are \(written.count) data labels, more than "
                            + "\(DataLabels.countMax)", "let some of them share a label")
                }
                continue
            }
            add(policy, label: label, catalog, &layout, &report)
        }
        for policy in drafts { checkGiven(policy, &report) }
    }

    /// The labels that the resource of `kind` called `name` gives.
    func labels(of kind: Kind, _ name: ResourceName) -> DataLabels {
        given[PolicyTarget(kind: kind, name: name)] ?? []
    }

    /// What all of it together is made into.
    /// The classifiers follow `enginesBefore` engines in the snapshot's list.
    func table(
        _ backends: [Backend], _ endpoints: [Endpoint], enginesBefore: Int
    ) -> ResidencyTable {
        ResidencyTable(
            labels: labels, policies: policies, headers: headers, sources: sources,
            classifiers: classifiers.enumerated().map { number, draft in
                Classifier(engine: EngineID(enginesBefore + number), labels: draft.labels)
            }, backends: backends, endpoints: endpoints)
    }

    private mutating func add(
        _ written: ResidencyPolicyResource, label: Int, _ catalog: Catalog,
        _ layout: inout FactLayout, _ report: inout Report
    ) {
        var targets: [PolicyTarget] = []
        for reference in written.targets {
            let found = PolicyTarget(reference, of: written.metadata, catalog, &report)
            guard let target = found else { continue }
            if targets.contains(target) {
                report.error(
                    reference.name.place, written.metadata,
                    "the \(target.kind.rawValue) is named twice", "remove one of them")
            } else {
                targets.append(target)
            }
        }
        let number = drafts.count
        drafts.append(written)
        for (index, source) in written.sources.enumerated() {
            add(source, at: index, of: number, label: label, catalog, &layout, &report)
        }
        for target in targets {
            given[target, default: []].insert(DataLabels(number: label))
        }
        checkAllow(written, &report)
        checkValues(written, catalog, &report)
        let allow = written.allow
        let names = targets.map { "\($0.kind.rawValue)/\($0.name.text)" }
        policies.append(
            ResidencyPolicy(
                name: written.metadata.id.text, label: label,
                regions: allow.regions?.map(\.value),
                jurisdictions: allow.jurisdictions?.map(\.value),
                providers: allow.providers?.map(\.value),
                attestation: demand(written, catalog, &report), targets: names,
                version: Self.version(of: written, names)))
    }

    private mutating func add(
        _ source: LabelSourceText, at index: Int, of draft: Int, label: Int, _ catalog: Catalog,
        _ layout: inout FactLayout, _ report: inout Report
    ) {
        let metadata = drafts[draft].metadata
        guard source.wayCount == 1 else {
            if source.wayCount == 0 {
                report.missing(
                    source.place, metadata, "the source says nothing",
                    "add one of `header`, `expression`, `collections` and `classifier`")
            } else {
                report.error(
                    source.place, metadata, "the source names several ways to know a request",
                    "make a source of each")
            }
            return
        }
        if let path = source.collectionPath, source.collections == nil {
            report.error(
                path.place, metadata, "`collectionPath` means nothing without `collections`",
                "add them, or remove it")
        }
        var expression = source.expression
        if let header = source.header {
            let name = Array(header.value.lowercased().utf8)
            if !headers.contains(name) { headers.append(name) }
        } else if let classifier = source.classifier {
            add(classifier, of: metadata, label: label, catalog, &report)
        } else if source.collections != nil {
            expression = collectionText(source, metadata, &report)
        }
        guard let expression,
            let program = program(of: expression, in: metadata, &layout, &report)
        else { return }
        sources.append(
            LabelSource(
                label: label, program: program,
                name: "source \(index) of \(metadata.id.text)", layout: layout))
        sourceTexts.append((draft, expression))
    }

    /// The program of `text`, or nil; what is wrong with it is noted where it is written.
    private func program(
        of text: EmbeddedText, in policy: Metadata, _ layout: inout FactLayout,
        _ report: inout Report
    ) -> Program? {
        let program: Program
        do {
            program = try Program.compile(
                text.text, in: Fact.environment, expecting: .dyn, layout: &layout)
        } catch {
            for mistake in error.mistakes {
                report.error(
                    text.place(line: mistake.line, column: mistake.column), policy,
                    mistake.message, mistake.remedy)
            }
            return nil
        }
        switch program.type {
        case .bool, .string, .dyn, .list(.string), .list(.dyn): break
        default:
            report.error(
                text.place, policy, "the expression is \(program.type) and no label can be",
                "make it a condition, the name of a label, or a list of names")
            return nil
        }
        let facts = program.slots.compactMap { Fact(rawValue: layout.slots[$0].fact) }
        if let late = facts.first(where: { $0 == .dataLabels || $0.stage == .destination }) {
            report.error(
                text.place, policy,
                "`\(late.name)` is not known yet when labels are found",
                "let the expression speak about the request")
            return nil
        }
        if facts.isEmpty {
            report.warning(
                text.place, policy, "the expression says the same of every request",
                "let it speak about a fact of Docs/facts.md, or name a Gateway in `targetRefs`")
        }
        return program
    }

    /// A digest of what the policy says, so that receipts tell under which wording they were
    /// written.
    private static func version(
        of written: ResidencyPolicyResource, _ targets: [String]
    ) -> String {
        var text = "label \(written.label.value)\n"
        for source in written.sources {
            text += "header \(source.header?.value.lowercased() ?? "")\n"
            text += "expression \(source.expression?.text ?? "")\n"
            for name in source.collections ?? [] {
                text += "collection \(source.collectionPath?.value ?? "") \(name.value)\n"
            }
            if let classifier = source.classifier {
                text += "classifier \(classifier.backend?.name.value ?? "") "
                text += "\(classifier.path?.value ?? "")\n"
            }
        }
        text += targets.map { "target \($0)\n" }.joined()
        let allow = written.allow
        for (name, values) in [
            ("regions", allow.regions), ("jurisdictions", allow.jurisdictions),
            ("providers", allow.providers), ("verifiers", allow.attestation?.verifiers),
            ("measurements", allow.attestation?.measurements),
        ] {
            guard let values else { continue }
            text += "\(name) \(values.map(\.value).joined(separator: "\n"))\n"
        }
        var digits = String(StableHash.of(utf8: text), radix: 16)
        digits = String(repeating: "0", count: 16 - digits.count) + digits
        return "\(written.metadata.id.text)@\(digits)"
    }
}

// MARK: Checks

extension ResidencyBook {
    private func checkAllow(_ written: ResidencyPolicyResource, _ report: inout Report) {
        let allow = written.allow
        let isRestricted =
            allow.regions != nil || allow.jurisdictions != nil || allow.providers != nil
            || allow.attestation != nil
        if let anywhere = allow.anywhere, anywhere.value, isRestricted {
            report.error(
                anywhere.place, written.metadata,
                "`anywhere` is written beside what it contradicts", "remove it")
        }
        if !isRestricted, allow.anywhere?.value != true {
            report.missing(
                allow.place, written.metadata, "nothing says where the data may go",
                "add `regions`, `jurisdictions`, `providers` or `attestation`, or write "
                    + "`anywhere: true`")
        }
    }

    /// What no endpoint is, is probably misspelt.
    private func checkValues(
        _ written: ResidencyPolicyResource, _ catalog: Catalog, _ report: inout Report
    ) {
        func known(_ key: String) -> [String] {
            catalog.backends.flatMap { backend in
                backend.labels + (backend.endpoints?.value ?? []).flatMap(\.labels)
            }.filter { $0.key == key }.map(\.value)
        }
        func check(_ values: [Located<String>]?, _ known: [String], _ what: String) {
            for value in values ?? [] {
                let wanted = value.value
                let isPattern = wanted.hasSuffix("*") && what == "region"
                let isThere = known.contains { text in
                    isPattern ? text.hasPrefix(String(wanted.dropLast())) : text == wanted
                }
                if isThere { continue }
                report.warning(
                    value.place, written.metadata, "no endpoint has the \(what) \(quoted(wanted))",
                    Suggestion.nearest(to: wanted, among: known)
                        .map { "did you mean `\($0)`?" }
                        ?? (what == "provider"
                            ? "write `provider: \(wanted)` into a Backend, or remove it"
                            : "label a Backend or its endpoints with `\(what): \(wanted)`, or "
                                + "remove it"))
            }
        }
        check(written.allow.regions, known("region"), "region")
        let jurisdictions = known("jurisdiction").flatMap { text in
            text.split(separator: ",").map { $0.filter { $0 != " " } }
        }
        check(written.allow.jurisdictions, jurisdictions.map { String($0) }, "jurisdiction")
        let providers = catalog.backends.compactMap {
            $0.provider ?? ($0.isOpenAI ? "openai" : nil)
        }
        check(written.allow.providers, providers, "provider")
    }

    /// The evidence that `written` asks for; verifiers that are not there are reported.
    private func demand(
        _ written: ResidencyPolicyResource, _ catalog: Catalog, _ report: inout Report
    ) -> AttestationDemand? {
        guard let attestation = written.allow.attestation else { return nil }
        let namespace = written.metadata.id.namespace
        let known = catalog.verifiers.map(\.metadata.id).filter { $0.namespace == namespace }
        for name in attestation.verifiers where !known.contains(where: { $0.name == name.value }) {
            report.error(
                name.place, written.metadata,
                "there is no AttestationVerifier \(quoted(name.value)) in namespace "
                    + quoted(namespace),
                Suggestion.nearest(to: name.value, among: known.map(\.name))
                    .map { "did you mean `\($0)`?" } ?? "add it or correct the name")
        }
        return AttestationDemand(
            verifiers: attestation.verifiers.map {
                ResourceName(namespace: namespace, name: $0.value).text
            }, measurements: attestation.measurements?.map(\.value) ?? [])
    }

    private func checkGiven(_ written: ResidencyPolicyResource, _ report: inout Report) {
        guard headers.isEmpty,
            !drafts.contains(where: { other in
                other.label.value == written.label.value
                    && (!other.sources.isEmpty || !other.targets.isEmpty)
            })
        else { return }
        report.warning(
            written.label.place, written.metadata,
            "no request ever carries the label \(quoted(written.label.value))",
            "add `sources` or `targetRefs`")
    }
}
