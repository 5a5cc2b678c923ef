// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshIdentity
import MeshModel
import MeshPolicy
import MeshSnapshot
import MeshWire

/// What AttestationVerifiers said about endpoints.
///
/// Signatures are checked here, once, when the configuration or a file changes; what is left for
/// the path of a request is a comparison of times. Evidence that cannot be used is as good as
/// none, and is told.
struct EvidenceBook {
    /// The files that were asked for, in the order in which they were met.
    private(set) var paths: [String] = []
    private let files: EvidenceFiles
    private var verifiers: [String: Verifier] = [:]

    /// A verifier, ready to be used.
    private struct Verifier {
        var policy: EvidencePolicy
        var keys: KeySet?
        var require: Program?
        var measurements: Program?
        var layout: FactLayout
    }

    /// The verifiers of `catalog`, with what `files` hold.
    init(_ catalog: Catalog, _ files: EvidenceFiles, _ report: inout Report) {
        self.files = files
        for written in catalog.verifiers { add(written, &report) }
    }

    /// The evidence that `text` of the Backend `backend` leads to, or nil.
    mutating func attestation(
        _ text: EvidenceText?, of backend: Metadata, _ report: inout Report
    ) -> Attestation? {
        guard let text else { return nil }
        let name = ResourceName(namespace: backend.id.namespace, name: text.verifier.value).text
        guard let verifier = verifiers[name] else {
            report.error(
                text.verifier.place, backend,
                "there is no AttestationVerifier \(quoted(text.verifier.value)) in namespace "
                    + quoted(backend.id.namespace), "add it or correct the name")
            return nil
        }
        guard let bytes = read(text.file, of: backend, &report), let keys = verifier.keys else {
            return nil
        }
        do throws(TokenFault) {
            let statement = try verifier.policy.read(bytes, keys)
            if let subject = text.subject, statement.subject != subject.value {
                report.unused(text.file, backend, "it is about somebody else")
                return nil
            }
            return attestation(statement, by: verifier, called: name, text, backend, &report)
        } catch {
            report.unused(text.file, backend, error.message)
            return nil
        }
    }

    private func attestation(
        _ statement: EvidencePolicy.Statement, by verifier: Verifier, called name: String,
        _ text: EvidenceText, _ backend: Metadata, _ report: inout Report
    ) -> Attestation? {
        var facts = FactTable(verifier.layout)
        for slot in verifier.layout.slots.indices {
            let value: Value
            if let key = verifier.layout.slots[slot].key {
                guard let claim = statement.claims[key] else {
                    facts.setAbsent(slot)
                    continue
                }
                value = Value(claim)
            } else {
                value = Value(statement.claims)
            }
            facts.set(slot, value)
        }
        if let require = verifier.require, require.verdict(facts) != .holds {
            report.unused(text.file, backend, "it does not say what `require` of \(name) wants")
            return nil
        }
        var measurements: [String] = []
        if let program = verifier.measurements {
            guard let value = try? program.value(facts), let found = Self.texts(value) else {
                report.unused(text.file, backend, "it has no measurements where \(name) looks")
                return nil
            }
            measurements = found
        }
        return Attestation(
            id: statement.id, verifier: name, measurements: measurements,
            opens: statement.opens, closes: statement.closes)
    }

    private static func texts(_ value: Value) -> [String]? {
        switch value {
        case .string(let text): return [text]
        case .list(let values):
            var texts: [String] = []
            for value in values {
                guard case .string(let text) = value else { return nil }
                texts.append(text)
            }
            return texts
        default: return nil
        }
    }

    // MARK: Verifiers

    /// What statements are read by.
    private static let environment = Environment(facts: [
        FactDeclaration("claims", .map(.string, .dyn), sizeMax: 256)
    ])

    private mutating func add(
        _ written: AttestationVerifierResource, _ report: inout Report
    ) {
        let metadata = written.metadata
        if let age = written.maxAge, age.value <= .zero {
            report.error(
                age.place, metadata, "this duration cannot be zero",
                "write a duration above `0s`, or remove it")
        }
        var layout = FactLayout()
        let require = written.require.flatMap {
            Self.program($0, expecting: .bool, metadata, &layout, &report)
        }
        let measurements = written.measurements.flatMap {
            Self.program($0, expecting: .dyn, metadata, &layout, &report)
        }
        let algorithms = written.algorithms.compactMap { SignatureAlgorithm(name: $0.value) }
        let policy = EvidencePolicy(
            issuer: written.issuer.value, audiences: written.audiences.map(\.value),
            algorithms: algorithms.isEmpty ? [.es256, .es384, .ps256, .rs256, .edDSA] : algorithms,
            maxAge: written.maxAge?.value)
        var keys: KeySet?
        if let bytes = read(written.keyFile, of: metadata, &report) {
            do throws(KeySet.Fault) {
                keys = try KeySet(unsafe bytes.span.bytes)
            } catch {
                report.unused(written.keyFile, metadata, error.message)
            }
        }
        verifiers[metadata.id.text] = Verifier(
            policy: policy, keys: keys, require: require, measurements: measurements,
            layout: layout)
    }

    private static func program(
        _ text: EmbeddedText, expecting type: MeshPolicy.`Type`, _ metadata: Metadata,
        _ layout: inout FactLayout, _ report: inout Report
    ) -> Program? {
        do {
            return try Program.compile(
                text.text, in: environment, expecting: type, layout: &layout)
        } catch {
            for mistake in error.mistakes {
                report.error(
                    text.place(line: mistake.line, column: mistake.column), metadata,
                    mistake.message, mistake.remedy)
            }
            return nil
        }
    }

    private mutating func read(
        _ path: Located<String>, of resource: Metadata, _ report: inout Report
    ) -> [UInt8]? {
        guard !path.value.isEmpty else { return nil }
        if !paths.contains(path.value) { paths.append(path.value) }
        switch files.content(of: path.value) {
        case .unknown: return nil
        case .unreadable:
            report.unused(path, resource, "it cannot be read")
            return nil
        case .bytes(let bytes): return bytes
        }
    }
}

extension Report {
    /// Notes that the file at `path` is as good as not there: where evidence is asked for, nothing
    /// goes to the endpoint.
    fileprivate mutating func unused(
        _ path: Located<String>, _ resource: Metadata, _ reason: String
    ) {
        warning(
            path.place, resource, "\(quoted(path.value)) cannot be used as evidence: \(reason)",
            "until it is mended, nothing that asks for evidence goes there")
    }
}
