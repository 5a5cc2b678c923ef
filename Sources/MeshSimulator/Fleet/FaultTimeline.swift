// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel

/// The faults of one server, which may overlap, as a sequence of changes.
struct FaultTimeline {
    private let faults: [FleetDocument.Fault]

    init(_ faults: [FleetDocument.Fault]) { self.faults = faults }

    /// The changes of server `number`, in order of time.
    func incidents(of number: Int) -> [FleetPlan.Timed] {
        var incidents: [FleetPlan.Timed] = []
        var habits = ServerHabits()
        var isUp = true
        for time in times {
            let active = faults.filter { fault in
                fault.at <= time && fault.duration.map { time < fault.at + $0 } ?? true
            }
            let at = Instant(nanoseconds: 0) + time
            let isDown = active.contains { $0.kind == .crash }
            if isDown == isUp {
                isUp.toggle()
                let incident: Incident =
                    isUp ? .restart(server: number) : .crash(server: number)
                incidents.append(FleetPlan.Timed(at: at, incident: incident))
            }
            let next = Self.habits(under: active)
            if next != habits {
                habits = next
                incidents.append(
                    FleetPlan.Timed(at: at, incident: .habits(server: number, habits)))
            }
        }
        return incidents
    }

    /// Every time at which a fault begins or ends, sorted.
    private var times: [Nanoseconds] {
        var times: [Nanoseconds] = []
        let all = faults.flatMap { fault in
            [fault.at] + (fault.duration.map { [fault.at + $0] } ?? [])
        }
        for time in all.sorted() where times.last != time { times.append(time) }
        return times
    }

    /// How a server behaves under `faults`; of several of one kind the last counts.
    private static func habits(under faults: [FleetDocument.Fault]) -> ServerHabits {
        var habits = ServerHabits()
        for fault in faults {
            switch fault.kind {
            case .crash: break
            case .refuse: habits.accepts = false
            case .errors:
                habits.statusPermille = fault.permille
                habits.statuses = [fault.status]
            case .slow:
                habits.slowPermille = fault.permille
                habits.slowBy = fault.delay
            case .stall: habits.stallPermille = fault.permille
            case .cut: habits.cutPermille = fault.permille
            case .reset: habits.resetPermille = fault.permille
            }
        }
        return habits
    }
}
