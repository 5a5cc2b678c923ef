// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// What a classifier is shown and what it answers, in a protocol of the mesh's own.
///
/// ```
///  POST /labels   the body of the request as it came, application/json
///  200            {"labels": ["phi"]}    or    {"labels": []}
/// ```
package enum ClassifierSpeech {
    /// The question about `text` at `path`.
    package static func question(path: [UInt8], text: RawSpan) -> HTTPQuestion {
        var fields: [UInt8] = []
        fields.append("content-type: application/json\r\naccept: application/json\r\n")
        fields.append("user-agent: pinion\r\n")
        return HTTPQuestion(
            method: Array("POST".utf8), target: path, host: nil, fields: fields, body: text.array)
    }

    /// What an answer with `status` and `body` says: anything but a list of labels is no answer.
    package static func outcome(status: Int, body: RawSpan) -> EngineOutcome {
        guard status == 200 else { return .failed(.failed) }
        guard let tree = try? JSONTree.read(body, bytesMax: Limits.answerBytes),
            let members = tree.members
        else { return .failed(.malformed) }
        let lists = members.filter { $0.name == "labels" }
        guard lists.count == 1, let elements = lists[0].value.elements,
            elements.count <= Limits.labels
        else { return .failed(.malformed) }
        let labels = elements.compactMap { $0.text?.lowercased() }
        guard labels.count == elements.count else { return .failed(.malformed) }
        return .answered(EngineAnswer(allows: true, labels: labels))
    }
}
