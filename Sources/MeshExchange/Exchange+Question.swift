// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshPolicy
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// What an engine is told of a request.
///
/// It sees the head as the backend will see it: the path in its canonical spelling, the caller's
/// address where the mesh puts it, and nothing that ends at this hop or that a caller could claim
/// of itself in the mesh's name.
extension Exchange {
    /// The question for `engine`, told the facts that were filled in for it.
    func question(
        for engine: PolicyEngine, _ facts: FactTable, _ head: borrowing RequestHead,
        _ bytes: RawSpan
    ) -> EngineQuestion {
        let told = engine.facts.compactMap { told in
            facts.value(told.slot).map { (name: told.fact.name, value: $0) }
        }
        let fields = engineFields(engine.headers, head, bytes)
        switch engine.speech {
        case .opa(let path):
            var question = OPA.question(path: path, facts: told, headers: fields)
            question.credential = credentialLine(of: engine.backend)
            question.host = snapshot.backends[Int(engine.backend)].hostHeader
            return EngineQuestion(engine, .http(question))
        case .extAuthzHTTP(let prefix):
            let asked = ExtAuthzHTTP.Asked(
                method: bytes.extracting(head.methodRange.range).array,
                target: target(head, bytes), host: bytes.extracting(head.hostRange.range).array,
                peer: peer, headers: fields, facts: told)
            var question = ExtAuthzHTTP.question(asked, prefix: prefix)
            question.credential = credentialLine(of: engine.backend)
            return EngineQuestion(engine, .http(question))
        case .extAuthzGRPC:
            return EngineQuestion(engine, .check(check(engine, told, fields, head, bytes)))
        case .classifier(let path):
            // One of these is shown the text, and no rule asks it.
            return EngineQuestion(
                engine, .http(ClassifierSpeech.question(path: path, text: RawSpan())))
        }
    }

    /// The question for a classifier that is shown `text`.
    func question(
        for classifier: PolicyEngine, path: [UInt8], showing text: RawSpan
    ) -> EngineQuestion {
        var question = ClassifierSpeech.question(path: path, text: text)
        question.credential = credentialLine(of: classifier.backend)
        question.host = snapshot.backends[Int(classifier.backend)].hostHeader
        return EngineQuestion(classifier, .http(question))
    }

    private func check(
        _ engine: PolicyEngine, _ told: [(name: String, value: Value)],
        _ fields: [CheckQuestion.Field], _ head: borrowing RequestHead, _ bytes: RawSpan
    ) -> CheckQuestion {
        var question = CheckQuestion()
        question.source.address = String(decoding: peer, as: UTF8.self)
        if port >= 0, Int(port) < snapshot.ports.count {
            question.destination.address = snapshot.ports[Int(port)].address
            question.destination.port = snapshot.ports[Int(port)].number
        }
        question.time = record.startedAt
        question.id = requestIDText
        question.method = bytes.extracting(head.methodRange.range).text
        question.path = String(decoding: target(head, bytes), as: UTF8.self)
        question.host = bytes.extracting(head.hostRange.range).text
        question.scheme = isEncrypted ? "https" : "http"
        question.version =
            speaksHTTP2 ? "HTTP/2" : head.minorVersion == 0 ? "HTTP/1.0" : "HTTP/1.1"
        switch head.framing {
        case .none: question.size = 0
        case .length(let count): question.size = Int64(clamping: count)
        case .chunked, .untilClose: question.size = -1
        }
        question.headers = fields
        question.context = told.map { CheckQuestion.Field(name: $0.name, value: $0.value.text) }
        let backend = snapshot.backends[Int(engine.backend)]
        if let credential = backend.credential, Int(engine.backend) < credentials.count,
            let secret = credentials[Int(engine.backend)]
        {
            let value = String(decoding: credential.prefix + secret.reveal(), as: UTF8.self)
            question.credential = CheckQuestion.Credential(
                name: String(decoding: credential.header, as: UTF8.self), value: Secret(value))
        }
        return question
    }

    /// The credential of the engine's Backend as a field line, or nil.
    private func credentialLine(of backend: BackendID) -> Secret<[UInt8]>? {
        guard let credential = snapshot.backends[Int(backend)].credential,
            Int(backend) < credentials.count, let secret = credentials[Int(backend)]
        else { return nil }
        var line = credential.header
        line.append(": ")
        line.append(contentsOf: credential.prefix + secret.reveal())
        line.append("\r\n")
        return Secret(line)
    }

    /// The path as the backend will see it, with the query.
    private func target(_ head: borrowing RequestHead, _ bytes: RawSpan) -> [UInt8] {
        var target = canonicalPath ?? bytes.extracting(head.pathRange.range).array
        if head.hasQuery {
            target.append(UInt8(ascii: "?"))
            target.append(bytes.extracting(head.queryRange.range))
        }
        return target
    }

    private var requestIDText: String {
        var id = callerRequestID ?? []
        if callerRequestID == nil { record.requestID.append(to: &id) }
        return String(decoding: id, as: UTF8.self)
    }

    /// The selected fields, names in lower case, several of one name joined as RFC 9110 section
    /// 5.3 has it.
    private func engineFields(
        _ selection: PolicyEngine.HeaderSelection, _ head: borrowing RequestHead, _ bytes: RawSpan
    ) -> [CheckQuestion.Field] {
        var fields: [CheckQuestion.Field] = []
        var untold = Self.untold
        if snapshot.limits.replacesForwarded { untold.formUnion(Self.forwarded) }
        // What told the mesh who the caller is was for the mesh.
        if caller != nil, !snapshot.identity[Int(callerProvider)].forwards {
            untold.insert(FieldSet(callerField))
        }
        for slot in head.fields
        where !untold.contains(slot.name) && !head.isNominatedByConnection(slot, bytes) {
            let raw = bytes.extracting(slot.nameRange.range)
            if case .some(let names) = selection {
                guard names.contains(where: { unsafe raw.equalsIgnoringCase($0.span.bytes) })
                else { continue }
            }
            let name = raw.text.lowercased()
            let value = bytes.extracting(slot.valueRange.range).text
            if let known = fields.firstIndex(where: { $0.name == name }) {
                fields[known].value += (slot.name == .cookie ? "; " : ", ") + value
            } else {
                fields.append(CheckQuestion.Field(name: name, value: value))
            }
        }
        func tell(_ name: String, _ value: String) {
            if case .some(let names) = selection,
                !names.contains(where: { $0.elementsEqual(name.utf8) })
            {
                return
            }
            fields.append(CheckQuestion.Field(name: name, value: value))
        }
        tell("x-request-id", requestIDText)
        tell("x-forwarded-for", forwardedFor(head, bytes))
        tell("x-forwarded-proto", isEncrypted ? "https" : "http")
        return fields
    }

    /// What ends at this hop, what the mesh writes itself, and what only the mesh may say.
    private static let untold = FieldSet.hopByHop.union(
        FieldSet(names: [
            .host, .xRequestID, .xForwardedFor, .xForwardedProto, .xForwardedClientCert,
        ]))

    private func forwardedFor(_ head: borrowing RequestHead, _ bytes: RawSpan) -> String {
        var text = ""
        for field in head.fields
        where field.name == .xForwardedFor && !snapshot.limits.replacesForwarded {
            text += bytes.extracting(field.valueRange.range).text + ", "
        }
        return text + String(decoding: peer, as: UTF8.self)
    }
}
