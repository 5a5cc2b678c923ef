// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshSnapshot
import MeshWire

/// Which targets of a model could serve the request at all.
extension Exchange {
    /// The present target of the model, or nil.
    var currentTarget: ModelTarget? {
        guard model >= 0 else { return nil }
        return modelTarget >= 0
            ? snapshot.models[Int(model)].targets[modelTarget]
            : snapshot.models[Int(model)].fallbacks[-1 - modelTarget]
    }

    /// Reads what the request needs, when the model has a use for it.
    mutating func readNeeds(_ body: RawSpan?) {
        guard let body, facts != nil, snapshot.models[Int(model)].readsNeeds else { return }
        let found = (try? RequestNeeds(body)) ?? RequestNeeds()
        needs = tape?.needs(found) ?? found
    }

    /// Whether `target` can do what the request asks for; says why not on the tape.
    func suits(_ target: ModelTarget) -> Bool {
        if let reason = misfit(of: target) {
            tape?.say(
                .route,
                "backend \(snapshot.backends[Int(target.backend)].name) is passed over: \(reason)")
            return false
        }
        return true
    }

    private func misfit(of target: ModelTarget) -> String? {
        if isResuming, resumeMethod(on: target) == nil { return "it cannot go on with the answer" }
        let able = target.capabilities
        if let contextFloor {
            guard let room = able.contextTokens, room > contextFloor else {
                return "it has no more room for the prompt"
            }
        }
        guard !able.isUnlimited, let facts else { return nil }
        if facts.toolCount > 0, !able.tools { return "it calls no tools" }
        if needs?.hasImages == true, !able.vision { return "it sees no images" }
        if needs?.isFormed == true, !able.jsonMode { return "it writes no JSON on demand" }
        if let most = able.outputTokens, let wanted = facts.maxTokens, wanted > most {
            return "it writes no more than \(most) tokens"
        }
        // Few languages need more than six bytes for a token: what is too long by this count is
        // too long by any.
        let least = facts.inputBytes / 6 + (facts.maxTokens ?? 0)
        if let room = able.contextTokens, least > room {
            return "the prompt alone needs more than its \(room) tokens"
        }
        return nil
    }

    /// The next of the model's fallbacks that suits the request, wherever it is; or nil.
    var nextFallback: Int? {
        guard model >= 0 else { return nil }
        let count = snapshot.models[Int(model)].fallbacks.count
        var next = modelTarget >= 0 ? 0 : -modelTarget
        while next < count {
            if misfit(of: snapshot.models[Int(model)].fallbacks[next]) == nil { return next }
            next += 1
        }
        return nil
    }

    /// Whether something could be tried after a failure of this kind.
    func hasAlternative(for kind: ErrorClass) -> Bool {
        switch kind {
        case .never: false
        case .otherEndpoint, .sameEndpoint: hasAlternative
        case .otherTarget: canReplay && nextFallback != nil
        case .largerContext:
            canReplay && model >= 0
                && snapshot.models[Int(model)].fallbacks.contains {
                    $0.capabilities.contextTokens != nil
                }
        }
    }
}
