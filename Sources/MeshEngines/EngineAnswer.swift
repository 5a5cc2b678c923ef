// SPDX-License-Identifier: Apache-2.0

package import MeshSnapshot

/// What a policy engine says about one request, whatever protocol it said it in.
///
/// What it may change is bounded here: fields that decide where a message goes, how long it is or
/// how it is traced are left as they are, and an answer with text that would break a head is no
/// answer.
package struct EngineAnswer: Hashable, Sendable {
    /// Whether the request may pass.
    package var allows: Bool
    /// What a caller gets that may not pass, 300 to 599; nil leaves it to the mesh.
    package var status: Int?
    /// Why, in one line for the caller; nil when the engine does not say.
    package var reason: String?
    /// Edits of the head that goes on to the backend.
    package var requestEdits: [HeaderEdit]
    /// Edits of the head that goes back to the caller, in either case.
    package var answerEdits: [HeaderEdit]
    /// The data labels that a classifier found, in lower case; empty for every other engine.
    package var labels: [String]

    /// An answer of the given parts.
    package init(
        allows: Bool, status: Int? = nil, reason: String? = nil, requestEdits: [HeaderEdit] = [],
        answerEdits: [HeaderEdit] = [], labels: [String] = []
    ) {
        self.allows = allows
        self.status = status
        self.reason = reason
        self.requestEdits = requestEdits
        self.answerEdits = answerEdits
        self.labels = labels
    }
}

/// What came of asking an engine.
package enum EngineOutcome: Hashable, Sendable {
    /// It answered.
    case answered(EngineAnswer)
    /// It did not, and what is known of why.
    case failed(EngineFailure)
}

/// Why there is no answer of an engine.
package enum EngineFailure: String, CaseIterable, Hashable, Sendable, Error {
    /// It did not answer in time.
    case timeout
    /// No endpoint of it could be reached, or the connection ended.
    case unreachable
    /// It said that it failed.
    case failed
    /// What it said is no answer.
    case malformed
    /// As many questions as may be were on their way already.
    case busy

    /// What happened, in words.
    package var text: String {
        switch self {
        case .timeout: "it did not answer in time"
        case .unreachable: "it could not be reached"
        case .failed: "it said that it failed"
        case .malformed: "what it said is no answer"
        case .busy: "too many questions to it are on their way"
        }
    }
}
