// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshTelemetry

/// Takes in what every caller of a run saw, in a memory that does not grow with the run.
///
/// ```swift
/// var tally = RunTally(servers: plans.count)
/// world.observe = { tally.add($0) }
/// while world.run(for: .milliseconds(250)) { tally.look(world.serverStats, at: world.now) }
/// ```
package struct RunTally: Sendable {
    /// Requests whose caller has ended.
    package private(set) var requests = 0
    /// Answers of model servers that came whole with a status of success.
    package private(set) var answered = 0
    /// Requests that were sent to more than one endpoint.
    package private(set) var retried = 0
    /// Every other ending with how often it was seen, sorted by name.
    package private(set) var failures: [Failure] = []
    /// From the sending of a request to its first token, in nanoseconds.
    package private(set) var firstToken = LogHistogram()
    /// The mean time from one token of an answer to the next, in nanoseconds.
    package private(set) var perToken = LogHistogram()
    /// From the sending of a request to its last byte, in nanoseconds.
    package private(set) var whole = LogHistogram()
    /// Tokens of prompts that were answered.
    package private(set) var promptTokens = 0
    /// Tokens of those that a cache held.
    package private(set) var cachedTokens = 0
    /// Tokens of answers that came, complete or not.
    package private(set) var answerTokens = 0
    /// What all requests cost together, a sum for each currency, sorted by its code.
    package private(set) var costs: [Cost] = []
    /// When the last request ended.
    package private(set) var lastEnd = Instant(nanoseconds: 0)
    /// What happened when.
    package private(set) var bins: TimeBins
    /// Whole answers by server.
    package private(set) var byServer: [Int]

    /// A way to end without an answer.
    package struct Failure: Hashable, Sendable {
        /// The mesh's code, or what the caller saw.
        package var name: String
        /// How often.
        package var count: Int
    }

    /// Nothing was seen yet, of `servers` servers.
    package init(servers: Int) {
        bins = TimeBins(servers: servers)
        byServer = Array(repeating: 0, count: servers)
    }

    /// Takes in what a caller saw.
    package mutating func add(_ seen: RequestObservation) {
        requests += 1
        if seen.attempts > 1 { retried += 1 }
        let isAnswered = seen.ending == .whole && (200..<300).contains(seen.status)
        lastEnd = max(lastEnd, seen.startedAt + seen.total)
        bins.change(at: seen.startedAt) { $0.sent += 1 }
        bins.change(at: seen.startedAt + seen.total) {
            if isAnswered { $0.answered += 1 } else { $0.failed += 1 }
        }
        answerTokens += seen.tokens
        if let cost = seen.cost { pay(cost) }
        if let firstToken = seen.firstToken {
            bins.change(at: seen.startedAt) {
                $0.firstToken.add(UInt64(max(0, firstToken.rawValue)))
            }
            bins.spread(
                tokens: seen.tokens, from: seen.startedAt + firstToken, over: seen.generation)
        }
        guard isAnswered else {
            count(Self.name(of: seen))
            return
        }
        answered += 1
        if seen.server >= 0, seen.server < byServer.count { byServer[seen.server] += 1 }
        promptTokens += seen.item.promptTokens
        cachedTokens += seen.cachedTokens ?? 0
        whole.add(UInt64(max(0, seen.total.rawValue)))
        if let time = seen.firstToken { firstToken.add(UInt64(max(0, time.rawValue))) }
        if let time = seen.perToken { perToken.add(UInt64(max(0, time.rawValue))) }
    }

    /// Takes in what every server holds at a moment.
    package mutating func look(_ stats: [EngineStats], at now: Instant) {
        bins.change(at: now) { bin in
            bin.looks += 1
            for (number, stats) in stats.enumerated() where number < bin.held.count {
                bin.held[number] += stats.running + stats.waiting
            }
        }
    }

    private mutating func count(_ name: String) {
        if let index = failures.firstIndex(where: { $0.name == name }) {
            failures[index].count += 1
        } else {
            failures.append(Failure(name: name, count: 1))
            failures.sort { $0.name < $1.name }
        }
    }

    /// Adds to the sum of its currency; stays at the highest value rather than wrapping.
    private mutating func pay(_ cost: Cost) {
        guard let index = costs.firstIndex(where: { $0.currency == cost.currency }) else {
            costs.append(cost)
            costs.sort { $0.currency.code < $1.currency.code }
            return
        }
        let (sum, isOver) =
            costs[index].trillionths.addingReportingOverflow(cost.trillionths)
        costs[index].trillionths = isOver ? .max : sum
    }

    /// The mesh's own code where it has one: there are few of them, so the list stays short.
    private static func name(of seen: RequestObservation) -> String {
        if let code = seen.code { return code }
        switch seen.ending {
        case .whole: return "status-\(seen.status)"
        case .refused: return "refused"
        case .truncated: return "answer-cut"
        case .unanswered: return "no-answer"
        case .notConnected: return "no-connection"
        case .left: return "caller-left"
        }
    }
}
