// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshPolicy
import MeshSnapshot

/// A service that is shown the text of requests, and the labels that name it as a source.
struct ClassifierDraft {
    /// How it is asked.
    var engine: PolicyEngine
    /// The labels that it may give.
    var labels: DataLabels
    /// The first policy that names it, and where.
    var policy: Metadata
    var place: Place
}

/// Sources of labels that are more than a header or an expression.
extension ResidencyBook {
    /// Notes the classifier that `written` stands for; policies that name the same one share it.
    mutating func add(
        _ written: ClassifierText, of policy: Metadata, label: Int, _ catalog: Catalog,
        _ report: inout Report
    ) {
        guard let reference = written.backend,
            let backend = report.resolve(reference, .backend, in: policy, catalog)
        else { return }
        let timeout = written.timeout?.value ?? .milliseconds(500)
        if let place = written.timeout?.place, timeout <= .zero || timeout > .seconds(30) {
            report.error(
                place, policy, "every request for a model waits that long when it is gone",
                "write a duration above `0s` and up to `30s`")
        }
        if let ttl = written.ttl, ttl.value <= .zero || ttl.value > .seconds(86_400) {
            report.error(
                ttl.place, policy, "nothing can be kept for that long",
                "write a duration above `0s` and up to `24h`")
        }
        let path = Array((written.path?.value ?? "/").utf8)
        let cache = written.ttl.map { ttl in
            PolicyEngine.Cache(
                lifetime: ttl.value, entriesMax: written.entries ?? 10_000, key: [])
        }
        let name = catalog.backends[backend].metadata.id.text
        let engine = PolicyEngine(
            name: "classifier \(name)\(String(decoding: path, as: UTF8.self))",
            speech: .classifier(path: path), backend: BackendID(backend), timeout: timeout,
            cache: cache, layout: FactLayout())
        let known = classifiers.firstIndex { $0.engine.name == engine.name }
        guard let known else {
            classifiers.append(
                ClassifierDraft(
                    engine: engine, labels: DataLabels(number: label), policy: policy,
                    place: written.place))
            return
        }
        classifiers[known].labels.formUnion(DataLabels(number: label))
        if classifiers[known].engine.timeout != engine.timeout
            || classifiers[known].engine.cache?.lifetime != cache?.lifetime
        {
            report.error(
                written.place, policy,
                "another ResidencyPolicy asks the same classifier with another `timeout` or "
                    + "`cache`, and it is asked once a request",
                "write the same into both")
        }
    }

    /// The expression that holds of requests for the collections of `source`; nil when that is not
    /// definite.
    func collectionText(
        _ source: LabelSourceText, _ policy: Metadata, _ report: inout Report
    ) -> EmbeddedText? {
        let template = source.collectionPath?.value ?? "/collections/{collection}"
        let segments = template.split(separator: "/").map(String.init)
        guard segments.count(where: { $0 == "{collection}" }) == 1,
            segments.allSatisfy({ $0 == "{collection}" || $0 == "*" || Self.isPlain($0) })
        else {
            report.error(
                source.collectionPath?.place ?? source.place, policy,
                "\(quoted(template)) is no template of a path",
                "write segments with slashes between them, `{collection}` in place of one, and "
                    + "`*` in place of those that may be anything")
            return nil
        }
        var patterns: [String] = []
        for name in source.collections ?? [] {
            let isOpen = name.value.hasSuffix("*")
            let plain = isOpen ? String(name.value.dropLast()) : name.value
            guard Self.isPlain(plain) || plain.isEmpty && isOpen else {
                report.error(
                    name.place, policy, "\(quoted(name.value)) is no name of a collection",
                    "write letters, digits, `-`, `_`, `.` and `~`, with `*` at the end or nowhere")
                return nil
            }
            patterns.append(Self.escaped(plain) + (isOpen ? "[^/]*" : ""))
        }
        let path = segments.map { segment in
            switch segment {
            case "{collection}": "(" + patterns.joined(separator: "|") + ")"
            case "*": "[^/]+"
            default: Self.escaped(segment)
            }
        }
        let pattern = "^/" + path.joined(separator: "/") + "(/.*)?$"
        return EmbeddedText(
            generated: "request.path.matches('\(pattern)')",
            at: source.collections?.first?.place ?? source.place)
    }

    /// Whether every byte of `text` is one that a path spells in one way only.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: [0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
                }
            }
    }

    /// `text` as a pattern that matches it; a class of one stands for itself in every syntax.
    private static func escaped(_ text: String) -> String { text.replacing(".", with: "[.]") }
}
