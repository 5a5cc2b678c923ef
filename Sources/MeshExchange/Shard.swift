// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
package import MeshLimits
import MeshPolicy
package import MeshRouting
package import MeshSnapshot
package import MeshTelemetry

/// Everything that decisions read and change on one event loop: never locked, never shared.
///
/// Shards meet only by messages; what the process as a whole knows (metrics, endpoint states) is
/// merged from copies.
package struct Shard: Sendable {
    /// The configuration that new exchanges begin with.
    package private(set) var snapshot: Snapshot
    /// Balancing state of every endpoint.
    package var fleet = Fleet()
    /// Who may enter, and what is owed.
    package var ledger: Ledger
    /// Who may send a backend a request now.
    package var turnstiles: Turnstiles
    /// What is known of callers.
    package var callers = CallerBook()
    /// Chance for everything this shard decides.
    package var random: SplitMix64
    /// Where the answers of mirrors meet those of callers.
    package var mirrors = MirrorDesk()
    /// What is counted here.
    package var metrics = ShardMetrics()
    /// Bytes that the last step asks to be written; the driver takes them before the next call.
    package var output: [UInt8] = []
    /// Credential values by backend, read by the driver; nil where none is configured or found.
    package var credentials: [Secret<[UInt8]>?] = []
    /// Calendar time minus monotonic time, in nanoseconds.
    package var wallOffset: Int64
    /// What is recorded, and the last recordings.
    package var recorder = Recorder()
    /// Names of the backends whose credential could not be read.
    private(set) var missingCredentials: [String] = []
    /// Whether receipts are written down; while they are not, no labelled data is sent.
    package var keepsReceipts = true
    /// How short the process is of what it cannot do without.
    package var pressure = Pressure.none
    /// Whether the process is stopping: every answer then closes its connection.
    package var isDraining = false

    /// `Endpoint.authority` by endpoint, made once a snapshot.
    private(set) var endpointNames: [String] = []
    /// Names of models and of their upstream models as text, made once a snapshot.
    private(set) var modelNames: [ModelNames] = []
    private var routeSeries: [UInt64: RouteSeriesID] = [:]
    private var modelSeries: [UInt64: ModelSeriesID] = [:]
    private var backendSeries: [BackendSeriesID] = []
    /// The series of the arms of rollouts, by `ArmID`.
    private(set) var armSeries: [ArmSeriesID] = []
    /// Facts of the request that is judged at present, in the layout of `snapshot`.
    private var facts = FactTable(FactLayout())
    /// The series of each IdentityProvider.
    private var identitySeries: [IdentitySeriesID] = []
    /// The engines of the present snapshot and what is kept of them.
    var engines: [Engines] = []
    /// The series of each AccessPolicy's default and of its rules, one policy after another.
    private var accessSeries: [AccessSeriesID] = []
    /// Where the series of each policy begin.
    private var accessSeriesStart: [Int] = []

    struct ModelNames: Sendable {
        var name: String
        var targets: [String?]
        var fallbacks: [String?]
    }

    /// A shard before any configuration, one of `loops` that every limit is divided over. `seed`
    /// decides every draw it will make.
    package init(seed: UInt64, wallOffset: Int64, loops: Int = 1) {
        snapshot = .empty
        random = SplitMix64(seed: seed)
        var hashes = random.split("limits")
        ledger = Ledger(loops: loops, seed: hashes.next())
        turnstiles = Turnstiles(loops: loops)
        self.wallOffset = wallOffset
        output.reserveCapacity(4096)
    }

    /// Takes `next` as the configuration of every exchange that begins from now on.
    ///
    /// **Shape** `credentials` has one element for each backend of `next`.
    package mutating func adopt(
        _ next: Snapshot, credentials: [Secret<[UInt8]>?], at now: Instant
    ) {
        snapshot = next
        adopt(credentials: credentials)
        recorder.adopt(next.telemetry.recording)
        fleet.adopt(next, at: now)
        fleet.meshBudgetPolicy = next.retryBudget.map { budget in
            var part = budget
            part.minPerSecond = (budget.minPerSecond + ledger.loops - 1) / max(1, ledger.loops)
            return part
        }
        countTurnstiles()
        turnstiles.adopt(next, at: now)
        countLimits()
        ledger.adopt(next.usageLimits, at: now)
        callers.keep(next.identity.map(\.material))
        identitySeries = next.identity.map { metrics.identitySeries(provider: $0.name) }
        endpointNames = next.endpoints.map(\.authority)
        modelNames = next.models.map { model in
            ModelNames(
                name: Self.text(model.name),
                targets: model.targets.map { $0.upstreamModel.map(Self.text) },
                fallbacks: model.fallbacks.map { $0.upstreamModel.map(Self.text) })
        }
        routeSeries.removeAll(keepingCapacity: true)
        modelSeries.removeAll(keepingCapacity: true)
        backendSeries = next.backends.map { metrics.backendSeries(backend: $0.name) }
        armSeries = next.rollouts.plans.flatMap { plan in
            [Arm.stable, .canary].map { metrics.armSeries(rollout: plan.name, arm: $0) }
        }
        facts = FactTable(next.access.layout)
        adoptEngines(of: next)
        accessSeries.removeAll(keepingCapacity: true)
        accessSeriesStart = next.access.policies.map { policy in
            let start = accessSeries.count
            accessSeries.append(metrics.accessSeries(policy: policy.name, rule: "default"))
            for rule in policy.rules {
                accessSeries.append(metrics.accessSeries(policy: policy.name, rule: rule.name))
            }
            return start
        }
    }

    /// Takes `credentials`, one element for each backend of the present snapshot, for every
    /// exchange that begins from now on.
    package mutating func adopt(credentials: [Secret<[UInt8]>?]) {
        self.credentials = credentials
        missingCredentials = zip(snapshot.backends, credentials).compactMap { backend, value in
            backend.credential != nil && value == nil ? backend.name : nil
        }
    }

    /// An empty table for the facts that rules of `wanted` read; `putBack` takes it again.
    mutating func takeFacts(for wanted: Snapshot) -> FactTable {
        guard wanted === snapshot else { return FactTable(wanted.access.layout) }
        // Taken out so that it is changed in place.
        var table = FactTable(FactLayout())
        swap(&table, &facts)
        return table
    }

    /// Takes back what `takeFacts` gave. Swapped, because a copy would be cleared by copying.
    mutating func putBack(_ table: inout FactTable, of wanted: Snapshot) {
        guard wanted === snapshot else { return }
        table.clear()
        swap(&table, &facts)
    }

    /// Counts what a rule of a policy of `judged`, or its default (-1), led to.
    mutating func countAccess(
        _ decision: AccessDecision, _ policy: Int, _ rule: Int, of judged: Snapshot
    ) {
        if judged === snapshot {
            let series = accessSeries[accessSeriesStart[policy] + rule + 1]
            return metrics.countAccess(decision, series)
        }
        let former = judged.access.policies[policy]
        let name = rule < 0 ? "default" : former.rules[rule].name
        metrics.countAccess(decision, metrics.accessSeries(policy: former.name, rule: name))
    }

    /// Counts what a provider of `asked` (nil when none was asked) found a caller to be.
    mutating func countIdentity(
        _ result: IdentityResult, provider: IdentityID?, of asked: Snapshot
    ) {
        guard let provider else {
            return metrics.countIdentity(result, metrics.identitySeries())
        }
        if asked === snapshot {
            return metrics.countIdentity(result, identitySeries[Int(provider)])
        }
        let name = asked.identity[Int(provider)].name
        metrics.countIdentity(result, metrics.identitySeries(provider: name))
    }

    /// The series of `rule` with `backend` (-1 for none), in the present snapshot.
    mutating func series(
        rule: RuleID, route: String, backend: BackendID, name: String
    ) -> RouteSeriesID {
        let key = UInt64(UInt32(bitPattern: rule)) << 32 | UInt64(UInt32(bitPattern: backend))
        if let known = routeSeries[key] { return known }
        let made = metrics.routeSeries(route: route, backend: name)
        routeSeries[key] = made
        return made
    }

    /// The series of an operation on `target` of `model`, in the present snapshot.
    mutating func series(
        operation: Operation, model: ModelID, target: Int, requestModel: String,
        upstreamModel: String, backend: Backend
    ) -> ModelSeriesID {
        let key = Self.key(operation, model, target)
        let made = metrics.modelSeries(
            operation: operation.telemetryName, provider: backend.provider,
            requestModel: requestModel, responseModel: upstreamModel, backend: backend.name)
        modelSeries[key] = made
        return made
    }

    /// The same, when it was made before.
    func knownSeries(_ operation: Operation, model: ModelID, target: Int) -> ModelSeriesID? {
        modelSeries[Self.key(operation, model, target)]
    }

    private static func key(_ operation: Operation, _ model: ModelID, _ target: Int) -> UInt64 {
        UInt64(operation.rawValue) << 56 | UInt64(UInt32(bitPattern: model)) << 16
            | UInt64(UInt16(truncatingIfNeeded: target))
    }

    /// Counts an attempt against `backend`, if the present snapshot still has it.
    mutating func countAttempt(_ result: AttemptResult, backend: BackendID) {
        guard backend >= 0, Int(backend) < backendSeries.count else { return }
        metrics.countAttempt(result, backend: backendSeries[Int(backend)])
    }

    /// Counts a retry against `backend`, if the present snapshot still has it.
    mutating func countRetry(_ reason: RetryReason, backend: BackendID) {
        guard backend >= 0, Int(backend) < backendSeries.count else { return }
        metrics.countRetry(reason, backend: backendSeries[Int(backend)])
    }

    /// The series of `backend`, or nil when the present snapshot has no such backend.
    func series(of backend: BackendID) -> BackendSeriesID? {
        backend >= 0 && Int(backend) < backendSeries.count ? backendSeries[Int(backend)] : nil
    }

    /// Counts an ejection against `backend`, if the present snapshot still has it.
    mutating func countEjection(_ reason: MeshTelemetry.EjectionReason, backend: BackendID) {
        guard backend >= 0, Int(backend) < backendSeries.count else { return }
        metrics.countEjection(reason, backend: backendSeries[Int(backend)])
    }

    /// Takes back endpoints whose time is over, and leaves those out that are far slower than
    /// their peers. Called a few times a second.
    package mutating func maintain(at now: Instant) {
        fleet.tick(at: now)
        for ejection in fleet.sweep(at: now) {
            countEjection(Exchange.metric(ejection.reason), backend: ejection.backend)
        }
    }

    /// States the endpoint gauges from the fleet; called before a scrape.
    package mutating func refreshGauges(at now: Instant) {
        countLimits()
        countTurnstiles()
        for turnstile in turnstiles.statistics where Int(turnstile.backend) < backendSeries.count {
            metrics.setTurnstile(
                limit: turnstile.limit, inside: turnstile.inside, waiting: turnstile.waiting,
                backend: backendSeries[Int(turnstile.backend)])
        }
        for (id, state) in fleet.statistics(at: now).enumerated() where id < backendSeries.count {
            metrics.setEndpoints(state.healthy, .healthy, backend: backendSeries[id])
            metrics.setEndpoints(state.unhealthy, .unhealthy, backend: backendSeries[id])
            metrics.setEndpoints(state.ejected, .ejected, backend: backendSeries[id])
            metrics.setEndpoints(state.cooling, .cooling, backend: backendSeries[id])
        }
    }

    /// Hands what the ledger counted over to the metrics.
    private mutating func countLimits() {
        ledger.drainTallies { limit, tally in
            metrics.countLimit(
                policy: limit.policy, limit: limit.name,
                [
                    tally.admitted, tally.refused, tally.audited, tally.reserved, tally.settled,
                    tally.evicted,
                ])
        }
    }

    /// Hands what the turnstiles counted over to the metrics.
    private mutating func countTurnstiles() {
        turnstiles.drainTallies { backend, tally in
            guard Int(backend) < backendSeries.count else { return }
            metrics.countTurnstile(
                [tally.entered, tally.waited] + tally.refused,
                backend: backendSeries[Int(backend)])
        }
    }

    /// The calendar time of `now`.
    package func wallTime(_ now: Instant) -> WallTime {
        WallTime(nanoseconds: Int64(truncatingIfNeeded: now.nanoseconds) &+ wallOffset)
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
