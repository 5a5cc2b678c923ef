// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension World {
    /// Makes a connection from the proxy to `authority`; hands the near end, or nil when there is
    /// none to be had within `timeout`, to `done`. Never calls it before this call has returned.
    func connect(
        to authority: String, timeout: Nanoseconds, at now: Instant,
        done: @escaping (Socket?, Instant) -> Void
    ) {
        let number = server(at: authority)
        let profile = options.serverNetwork
        let back = now + profile.latency + profile.latency
        if fails(.connect) {
            faults.count(.chosenOperation)
            schedule(at: back) { now in done(nil, now) }
            return
        }
        if number < 0 {
            schedule(at: back) { now in done(nil, now) }
            return
        }
        if network.strikes(profile.refusePermille) {
            faults.count(.connectRefused)
            schedule(at: back) { now in done(nil, now) }
            return
        }
        if network.isCut(number) || network.strikes(profile.blackHolePermille) {
            if !network.isCut(number) { faults.count(.connectBlackHole) }
            schedule(at: now + timeout) { now in done(nil, now) }
            return
        }
        schedule(at: now + profile.latency) { [self] now in
            let (near, far) = pair(route: number, profile: profile)
            guard servers[number].accept(far, at: now) else {
                faults.count(.connectRefused)
                near.sever()
                schedule(at: now + profile.latency) { now in done(nil, now) }
                return
            }
            schedule(at: now + profile.latency) { now in done(near, now) }
        }
    }

    /// Makes a connection from a caller to the proxy; the same way.
    func connectToProxy(at now: Instant, done: @escaping (Socket?, Instant) -> Void) {
        let profile = options.callerNetwork
        schedule(at: now + profile.latency) { [self] now in
            let (near, far) = pair(route: -1, profile: profile)
            guard acceptAtProxy(far, at: now) else {
                near.sever()
                schedule(at: now + profile.latency) { now in done(nil, now) }
                return
            }
            schedule(at: now + profile.latency) { now in done(near, now) }
        }
    }
}
