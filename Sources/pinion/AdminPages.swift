// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshAdmin
import MeshBasics
import MeshCompiler
import MeshControl
import MeshLimits
import MeshProxy
import MeshRollout
import MeshRouting
import MeshSnapshot
import MeshTelemetry

/// What the admin port serves.
actor AdminPages {
    private let proxy: Proxy
    private let controller: Controller
    private let keeper: IdentityKeeper
    private let startedAt: Instant
    private let upgrader: Upgrader
    private var isStopping = false

    init(
        proxy: Proxy, controller: Controller, keeper: IdentityKeeper, startedAt: Instant,
        upgrader: Upgrader
    ) {
        self.upgrader = upgrader
        self.keeper = keeper
        self.proxy = proxy
        self.controller = controller
        self.startedAt = startedAt
    }

    /// The process was told to stop: it is no longer ready, but still alive.
    func stopping() { isStopping = true }

    func answer(_ request: AdminRequest) async -> AdminAnswer {
        if request.method == "POST", request.path == "/reload" { return await reload() }
        if request.method == "POST", request.path == "/upgrade" { return await upgrade() }
        if request.method == "POST", request.path.hasPrefix("/rollouts/") {
            return await RolloutPages(controller: controller).steer(request.path)
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            return .text(
                "only GET is served here, and POST of /reload, /upgrade and /rollouts",
                status: 405)
        }
        switch request.path {
        case "/healthz": return .text("ok")
        case "/ready":
            if isStopping { return .text("stopping", status: 503) }
            return proxy.pressure >= .acceptsNothing
                ? .text("no connection is accepted for want of room", status: 503)
                : .text("ready")
        case "/metrics": return await metrics(request)
        case "/snapshot": return .json(dump(await proxy.snapshot))
        case _ where request.path.hasPrefix("/get/"): return await listing(request.path)
        case _ where request.path.hasPrefix("/rollouts/"):
            return await RolloutPages(controller: controller).answer(request.path)
        case "/recordings": return await recordings(named: nil)
        case _ where request.path.hasPrefix("/recordings/"):
            let id = String(request.path.dropFirst(12))
            return await recordings(named: id.removingPercentEncoding ?? id)
        case "/":
            return .text(
                "/healthz /ready /metrics /snapshot /get/KIND/FORMAT /recordings[/REQUEST-ID] "
                    + "/rollouts/NAMESPACE/NAME/FORMAT")
        default:
            return .text("no such page; see / for those there are", status: 404)
        }
    }

    /// Reads files, credentials and authorities again, as SIGHUP does.
    private func reload() async -> AdminAnswer {
        await controller.reload(always: true)
        let errors = await controller.status.lastErrors
        guard errors.isEmpty else {
            return .text(errors.joined(separator: "\n"), status: 409)
        }
        return .text("snapshot \(await proxy.snapshot.version) is in use")
    }

    /// Lets another process take over, as SIGUSR2 does.
    private func upgrade() async -> AdminAnswer {
        do {
            return .text("process \(try await upgrader.upgrade()) serves now")
        } catch {
            return .text("\(error)", status: 409)
        }
    }

    /// Every IdentityProvider, and how its keys stand.
    private func identity() async -> [[(String, Cell)]] {
        let states = await keeper.status
        return await proxy.snapshot.identity.map { provider in
            Listings.identity(
                provider, states.first { $0.name == provider.material }, at: LiveWorld.now())
        }
    }

    private func metrics(_ request: AdminRequest) async -> AdminAnswer {
        let isOpenMetrics = request.accept.contains("application/openmetrics-text")
        let format = isOpenMetrics ? PrometheusText.Format.openMetrics : .text
        let offset = LiveWorld.wallOffset()
        var facts = ProcessFacts(
            version: Version.text,
            startedAt: WallTime(
                nanoseconds: Int64(truncatingIfNeeded: startedAt.nanoseconds) + offset))
        Process.facts(&facts)
        facts.snapshotVersion = await proxy.snapshot.version
        let state = await controller.status
        facts.snapshotsRejected = state.rejected
        facts.snapshotTakenAt = state.publishedAt
        facts.certificateEnds = await proxy.certificateEnds.map { end in
            .init(label: end.label, time: end.expires)
        }
        facts.certificateFailures = await proxy.certificateFailures
        facts.rollouts = RolloutPages.facts(await controller.rolloutBook)
        facts.rolloutStateFailures = await controller.rolloutFailures
        let page = PrometheusText.render(await proxy.metrics(), process: facts, format: format)
        return AdminAnswer(type: "\(format.contentType)", body: page)
    }

    /// `/get/KIND/FORMAT`, which `pinion get` prints.
    private func listing(_ path: String) async -> AdminAnswer {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count == 3, let format = OutputFormat(rawValue: parts[2]) else {
            return .text("write /get/KIND/FORMAT, with text, json or yaml", status: 404)
        }
        let rows: [[(String, Cell)]]
        switch parts[1] {
        case "endpoints": rows = await endpoints()
        case "limits": rows = await limits()
        case "overload": rows = await overload()
        case "identity": rows = await identity()
        case "mirrors":
            rows = await proxy.metrics().mirrorComparisons.map { Listings.mirror($0, $1) }
        case "rollouts":
            rows = await controller.rolloutBook.rollouts.map { Listings.rollout($0) }
        case "status": rows = await status()
        default:
            guard let found = Listings.rows(parts[1], await proxy.snapshot) else {
                return .text("there is no listing of \(parts[1])", status: 404)
            }
            rows = found
        }
        let body = Table.rendered(rows, as: format)
        return format == .json ? .json(body) : .text(body)
    }

    /// The recorded exchanges with the configurations they ran under, or one of them.
    private func recordings(named id: String?) async -> AdminAnswer {
        var file = RecordingFile()
        file.exchanges = await proxy.recordings(named: id)
        if let id, file.exchanges.isEmpty {
            let settings = await proxy.snapshot.telemetry.recording
            return .text(
                "no exchange is recorded under \(id.prefix(128)): each event loop records the "
                    + "first \(settings.perSecondMax) of a second and keeps the last "
                    + "\(settings.ringMax); raise spec.recording of the Mesh", status: 404)
        }
        file.configurations = await controller.configurations
        return AdminAnswer(type: "application/jsonl", body: Array(file.text))
    }

    private func status() async -> [[(String, Cell)]] {
        let state = await controller.status
        let snapshot = await proxy.snapshot
        return [
            [
                ("version", .text(Version.text)),
                ("state", .text(isStopping ? "stopping" : "ready")),
                ("uptime_seconds", .number(Int((LiveWorld.now() - startedAt).seconds))),
                ("snapshot", .number(Int(snapshot.version))),
                ("rejected", .number(Int(state.rejected))),
                ("last_error", .text(state.lastErrors.first ?? "")),
            ]
        ]
    }

    /// Every endpoint, in flight summed over the loops.
    private func endpoints() async -> [[(String, Cell)]] {
        let loops = await proxy.endpoints()
        let snapshot = await proxy.snapshot
        guard let first = loops.first else { return [] }
        var rows: [[(String, Cell)]] = []
        for (b, backend) in first.enumerated() {
            for (e, endpoint) in backend.endpoints.enumerated() {
                var inFlight = 0
                var latency: Int64 = 0
                var worst = endpoint.condition
                for loop in loops
                where b < loop.count && e < loop[b].endpoints.count {
                    let seen = loop[b].endpoints[e]
                    inFlight += seen.inFlight
                    latency = max(latency, seen.latency.rawValue)
                    if seen.condition != .healthy { worst = seen.condition }
                }
                rows.append(
                    [
                        ("backend", .text(backend.name)), ("address", .text(endpoint.authority)),
                        ("state", .text(Self.name(worst))), ("in_flight", .number(inFlight)),
                        ("latency_us", .number(Int(latency / 1_000))),
                    ] + Listings.place(endpoint.endpoint, snapshot))
            }
        }
        return rows
    }

    /// Every limit, what is left summed over the loops.
    private func limits() async -> [[(String, Cell)]] {
        let loops = await proxy.limits()
        guard let first = loops.first else { return [] }
        return first.enumerated().map { index, state in
            let shares = loops.filter { index < $0.count }.map { $0[index] }
            return Listings.limit(
                state.limit, left: shares.compactMap(\.level).reduce(0, +),
                keys: shares.map(\.keys).reduce(0, +))
        }
    }

    /// Every turnstile, summed over the loops; of what a beginning takes without load the longest.
    private func overload() async -> [[(String, Cell)]] {
        let loops = await proxy.turnstiles()
        let snapshot = await proxy.snapshot
        guard let first = loops.first else { return [] }
        return first.enumerated().map { index, turnstile in
            let shares = loops.filter { index < $0.count }.map { $0[index] }
            let floor = shares.compactMap(\.floor).max()
            let policy = Int(snapshot.backends[Int(turnstile.backend)].overload)
            return [
                ("backend", .text(turnstile.name)),
                ("policy", .text(policy < 0 ? "" : snapshot.overload[policy].name)),
                ("limit", .number(shares.map(\.limit).reduce(0, +))),
                ("inside", .number(shares.map(\.inside).reduce(0, +))),
                ("waiting", .number(shares.map(\.waiting).reduce(0, +))),
                ("unloaded_us", .number(Int((floor?.rawValue ?? 0) / 1_000))),
            ]
        }
    }

    private static func name(_ condition: EndpointStatistics.Condition) -> String {
        switch condition {
        case .healthy: "healthy"
        case .unhealthy: "unhealthy"
        case .ejected: "ejected"
        case .cooling: "cooling"
        case .onTrial: "on-trial"
        }
    }
}
