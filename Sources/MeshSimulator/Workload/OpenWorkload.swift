// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Requests that come on their own, whatever became of those before them.
struct OpenWorkload: Sendable {
    private let spec: WorkloadSpec
    private let model: String
    private let names: PrefixNames
    private var clock: ArrivalClock
    private var lengths: SplitMix64
    private var choices: SplitMix64
    private var count: UInt64
    private let end: Instant

    /// The requests of `spec`; sessions are numbered from `firstSession` on.
    init(
        _ spec: WorkloadSpec, arrivals: ArrivalProcess, model: String, firstSession: UInt64,
        random: SplitMix64
    ) {
        self.spec = spec
        self.model = model
        names = PrefixNames(spec.prefixes, salt: random.split("names").state)
        clock = ArrivalClock(arrivals, random: random.split("arrivals"))
        lengths = random.split("lengths")
        choices = random.split("prefixes")
        count = firstSession
        end = spec.end
    }

    /// The next request, or nil when the workload is over.
    mutating func next() -> WorkItem? {
        let at = Instant(nanoseconds: 0) + spec.start + clock.next()
        guard at < end else { return nil }
        count += 1
        let promptTokens = names.sharedTokens + spec.input.draw(using: &lengths)
        let prefix = names.pick(using: &choices)
        return WorkItem(
            at: at, session: count, model: model, promptTokens: promptTokens,
            prefix: names.names(
                promptTokens: promptTokens, prefix: prefix, conversation: count),
            prefixBlockTokens: PrefixNames.blockTokens,
            answerTokens: spec.output.draw(using: &lengths), stream: spec.stream)
    }
}

extension WorkloadSpec {
    /// The instant at which no further request comes.
    var end: Instant {
        guard let duration else { return .distantFuture }
        return Instant(nanoseconds: 0) + start + duration
    }
}
