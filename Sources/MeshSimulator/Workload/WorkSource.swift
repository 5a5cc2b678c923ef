// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Requests in the order in which they are sent: the one thing that a simulated world asks of a
/// workload.
///
/// The same parts and seed give the same requests. Workloads go on for ever unless they say
/// otherwise; the world stops asking when its time is over.
package struct WorkSource: Sendable {
    private var parts: [Part] = []

    private struct Part: Sendable {
        var generator: Generator
        var pending: WorkItem?
    }

    private enum Generator: Sendable {
        case open(OpenWorkload)
        case chat(ChatWorkload)
        case trace([WorkItem], next: Int)

        mutating func next() -> WorkItem? {
            switch self {
            case .open(var workload):
                let item = workload.next()
                self = .open(workload)
                return item
            case .chat(var workload):
                // The case is emptied first, or every step would copy all users.
                self = .trace([], next: 0)
                let item = workload.next()
                self = .chat(workload)
                return item
            case .trace(let items, let index):
                guard index < items.count else { return nil }
                self = .trace(items, next: index + 1)
                return items[index]
            }
        }
    }

    /// The workloads of `specs` at the same time; those that name no model ask for `model`.
    package init(_ specs: [WorkloadSpec], model: String, seed: UInt64) {
        for (number, spec) in specs.enumerated() {
            let random = SplitMix64(seed: seed).split("workload \(number)")
            let firstSession = UInt64(number) << 40
            let name = spec.model ?? model
            switch spec.shape {
            case .open(let arrivals):
                add(
                    .open(
                        OpenWorkload(
                            spec, arrivals: arrivals, model: name, firstSession: firstSession,
                            random: random)))
            case .chat(let habits):
                add(
                    .chat(
                        ChatWorkload(
                            spec, habits: habits, model: name, firstSession: firstSession,
                            random: random)))
            }
        }
    }

    /// The requests of `items`, which are in order of time.
    package init(items: [WorkItem]) { add(.trace(items, next: 0)) }

    private mutating func add(_ generator: Generator) {
        var part = Part(generator: generator, pending: nil)
        part.pending = part.generator.next()
        parts.append(part)
    }

    /// When the next request comes, or nil when there is none.
    package var nextAt: Instant? { earliest.flatMap { parts[$0].pending?.at } }

    /// The next request, or nil when all are over. Of requests at the same time, that of the
    /// workload that was named first.
    package mutating func next() -> WorkItem? {
        guard let index = earliest, let item = parts[index].pending else { return nil }
        parts[index].pending = parts[index].generator.next()
        return item
    }

    private var earliest: Int? {
        var best: Int?
        var bestAt = Instant.distantFuture
        for index in parts.indices {
            guard let at = parts[index].pending?.at, best == nil || at < bestAt else { continue }
            best = index
            bestAt = at
        }
        return best
    }
}
