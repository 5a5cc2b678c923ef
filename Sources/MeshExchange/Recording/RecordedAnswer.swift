// SPDX-License-Identifier: Apache-2.0

package import MeshEngines
import MeshSnapshot

/// What a policy engine said, without the values of the fields that it sent along: those may be
/// secrets. Their lengths stay, so that what was written is as long in a replay.
package struct RecordedAnswer: Codable, Hashable, Sendable {
    /// `namespace/name` of the engine.
    package var engine: String
    /// `allow`, `deny`, or why there was no answer.
    package var result: String
    /// The status that it wants a refused caller to see.
    package var status: Int?
    /// What it told the caller.
    package var reason: String?
    /// Names and lengths of what it changes on the way to the backend.
    package var request: [Edit]?
    /// Names and lengths of what it changes on the way to the caller.
    package var answer: [Edit]?
    /// The data labels that a classifier found.
    package var labels: [String]?

    /// One field that was set, added or removed.
    package struct Edit: Codable, Hashable, Sendable {
        /// `set`, `add` or `remove`.
        package var kind: String
        /// The name.
        package var name: String
        /// Bytes of the value.
        package var length: Int?

        init(_ edit: HeaderEdit) {
            switch edit {
            case .set(_, let value): (kind, length) = ("set", value.count)
            case .add(_, let value): (kind, length) = ("add", value.count)
            case .remove: (kind, length) = ("remove", nil)
            }
            name = String(decoding: edit.name, as: UTF8.self)
        }

        /// The edit again, its value blotted out; nil for a kind that this version does not know.
        var edit: HeaderEdit? {
            let name = Array(name.utf8)
            let value = [UInt8](repeating: UInt8(ascii: "*"), count: max(0, length ?? 0))
            switch kind {
            case "set": return .set(name: name, value: value)
            case "add": return .add(name: name, value: value)
            case "remove": return .remove(name: name)
            default: return nil
            }
        }
    }

    /// What came of asking the engine called `engine`.
    package init(_ engine: String, _ outcome: EngineOutcome) {
        self.engine = engine
        switch outcome {
        case .failed(let failure): result = failure.rawValue
        case .answered(let answer):
            result = answer.allows ? "allow" : "deny"
            status = answer.status
            reason = answer.reason
            if !answer.requestEdits.isEmpty { request = answer.requestEdits.map { Edit($0) } }
            if !answer.answerEdits.isEmpty { self.answer = answer.answerEdits.map { Edit($0) } }
            if !answer.labels.isEmpty { labels = answer.labels }
        }
    }

    /// The outcome again; nil when this version of the mesh does not know such a result.
    var outcome: EngineOutcome? {
        if let failure = EngineFailure(rawValue: result) { return .failed(failure) }
        guard result == "allow" || result == "deny" else { return nil }
        return .answered(
            EngineAnswer(
                allows: result == "allow", status: status, reason: reason,
                requestEdits: (request ?? []).compactMap(\.edit),
                answerEdits: (answer ?? []).compactMap(\.edit), labels: labels ?? []))
    }

    /// What it said, in words.
    var text: String {
        switch result {
        case "allow": return "lets it pass" + (reason.map { " (\($0))" } ?? "")
        case "deny": return "does not let it pass" + (reason.map { ": \($0)" } ?? "")
        default:
            let failure = EngineFailure(rawValue: result)
            return "gave no answer: \(failure?.text ?? result)"
        }
    }
}
