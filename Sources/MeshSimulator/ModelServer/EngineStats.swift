// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What an engine counts; gauges are of the moment, the rest only grows.
package struct EngineStats: Hashable, Sendable {
    /// Sequences in the batch.
    package var running = 0
    /// Jobs that were taken and are not in the batch.
    package var waiting = 0
    /// Blocks of the cache that cannot be reclaimed.
    package var blocksUsed = 0
    /// Blocks of the cache.
    package var blocks = 0
    /// Jobs taken.
    package var accepted = 0
    /// Jobs refused.
    package var refused = 0
    /// Jobs that ended with `.stop`.
    package var finishedStop = 0
    /// Jobs that ended with `.length`.
    package var finishedLength = 0
    /// Jobs that failed.
    package var failed = 0
    /// Jobs that their submitter took back.
    package var cancelled = 0
    /// Jobs pushed out of the batch for want of memory.
    package var preemptions = 0
    /// Prompt tokens looked up in the prefix cache.
    package var prefixQueries = 0
    /// Prompt tokens found in the prefix cache.
    package var prefixHits = 0
    /// Prompt tokens of jobs that were scheduled.
    package var promptTokens = 0
    /// Tokens actually computed for prompts, repeats after preemption included.
    package var prefilledTokens = 0
    /// Tokens generated.
    package var generatedTokens = 0
    /// Steps taken.
    package var steps = 0
    /// Time spent in steps.
    package var busy = Nanoseconds.zero

    /// Nothing counted yet.
    package init() {}

    /// Part of the cache in use, 0 to 1.
    package var cacheUse: Double { blocks == 0 ? 0 : Double(blocksUsed) / Double(blocks) }
}
