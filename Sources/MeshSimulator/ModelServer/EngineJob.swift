// SPDX-License-Identifier: Apache-2.0

/// One sequence for an `EngineModel` to compute: a prompt and the answer that will follow it.
///
/// The answer's length is decided before the job is submitted, because the model of an engine is
/// about time and memory, not about words.
package struct EngineJob: Sendable {
    /// Names a job for as long as the engine holds it; the submitter keeps it unique.
    package struct ID: Hashable, Comparable, Sendable {
        /// The number behind the name.
        package var rawValue: UInt64
        /// The name `rawValue`.
        package init(_ rawValue: UInt64) { self.rawValue = rawValue }
        package static func < (a: ID, b: ID) -> Bool { a.rawValue < b.rawValue }
    }

    /// The job's name.
    package var id: ID
    /// Tokens of the prompt; at least one is counted.
    package var promptTokens: Int
    /// Hashes of the full blocks of the prompt and, when known, of the answer behind it.
    ///
    /// Each hash covers its block and all before it (`TokenBlocks.hashes`), so that equal hashes
    /// mean equal prefixes.
    package var blockHashes: [UInt64]
    /// Tokens of the whole answer, were it not cut; 0 for work that only reads, like embeddings.
    package var answerTokens: Int
    /// The most tokens the submitter wants.
    package var tokensMax: Int

    /// A job from its parts.
    package init(
        id: ID, promptTokens: Int, blockHashes: [UInt64] = [], answerTokens: Int,
        tokensMax: Int = .max
    ) {
        self.id = id
        self.promptTokens = Swift.max(1, promptTokens)
        self.blockHashes = blockHashes
        self.answerTokens = Swift.max(0, answerTokens)
        self.tokensMax = Swift.max(0, tokensMax)
    }

    /// Tokens that will be generated.
    var outputTokens: Int { Swift.min(answerTokens, tokensMax) }
    /// Why the job will end, when nothing goes wrong.
    var finish: EngineFinish { answerTokens <= tokensMax ? .stop : .length }
}

/// Whether an engine took a job.
package enum Admission: Hashable, Sendable {
    /// The job will end in exactly one `.finished` or `.failed`, unless it is cancelled.
    case accepted
    /// The job was not taken and no event will mention it.
    case refused(EngineRefusal)
}

/// Why an engine did not take a job.
package enum EngineRefusal: Hashable, Sendable {
    /// As many jobs wait as may wait.
    case queueFull(limit: Int)
    /// Prompt and answer together are longer than `limit` tokens.
    case tooLong(tokens: Int, limit: Int)
    /// The engine is down until `restart()`.
    case crashed
    /// A fault option refused this job with an HTTP status.
    case injected(status: Int)
    /// A job with the same name is still there.
    case duplicate
}

/// What an engine says about a job.
package enum EngineEvent: Hashable, Sendable {
    /// The answer's token number `index`, counted from 0.
    case token(EngineJob.ID, index: Int)
    /// The job is complete. Can become: nothing.
    case finished(EngineJob.ID, EngineFinish, EngineUsage)
    /// The job is lost. Can become: nothing.
    case failed(EngineJob.ID, EngineFailure)

    /// The job the event is about.
    package var job: EngineJob.ID {
        switch self {
        case .token(let id, _), .finished(let id, _, _), .failed(let id, _): id
        }
    }
}

/// Why an answer ended.
package enum EngineFinish: Hashable, Sendable {
    /// The answer is complete.
    case stop
    /// The submitter's bound on tokens was reached.
    case length
}

/// How a job was lost.
package enum EngineFailure: Hashable, Sendable {
    /// The engine died and took the job with it.
    case crashed
    /// The job's stream was reset.
    case reset
    /// The machine had no memory for the job.
    case outOfMemory
}

/// The tokens that a job cost.
package struct EngineUsage: Hashable, Sendable {
    /// Tokens of the prompt.
    package var promptTokens: Int
    /// Tokens of the prompt that were found in the cache when the job was first scheduled.
    package var cachedTokens: Int
    /// Tokens generated.
    package var outputTokens: Int

    /// A usage from its parts.
    package init(promptTokens: Int, cachedTokens: Int, outputTokens: Int) {
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.outputTokens = outputTokens
    }
}
