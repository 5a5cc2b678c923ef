// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSimulator

/// What goes wrong on purpose: for one request by `x-sim-` headers, for all by `/sim/faults`.
///
/// An event is one `data:` line of a stream. An answer in one piece counts as one event, of which
/// half is sent when a fault strikes after 1 or more events.
package struct ModelServerFaults: Hashable, Sendable {
    /// Answer with this status instead of working.
    package var status: Int?
    /// The `retry-after` header of such an answer, in seconds.
    package var retryAfter: Int?
    /// Wait before looking at the request.
    package var delay = Nanoseconds.zero
    /// Close the connection in an orderly way after this many events.
    package var cutAfter: Int?
    /// Send nothing more after this many events and keep the connection open.
    package var stallAfter: Int?
    /// Reset the connection after this many events.
    package var resetAfter: Int?
    /// Give each answer exactly this many tokens.
    package var tokens: Int?
    /// Space tokens by this much real time, whatever the profile and speed.
    package var interval: Nanoseconds?
    /// `/health` answers 503.
    package var isUnhealthy = false
    /// What goes wrong inside the engine. Only server-wide.
    package var engine = EngineFaults.none

    /// Nothing goes wrong.
    package init() {}

    /// The keys of `/sim/faults`, in the order they are documented.
    package static let keys = [
        "status", "retry_after", "delay_ms", "cut_after", "stall_after", "reset_after", "tokens",
        "interval_ms", "unhealthy", "fail_every", "crash_after_tokens", "first_token_delay_ms",
        "out_of_memory_above_tokens",
    ]

    /// Sets the fault `key`, one of `keys`, to `value`; answers false when there is no such key.
    ///
    /// **Shape**: `fail_every` makes `status` (503 unless set) strike every nth generation only.
    package mutating func set(_ key: String, _ value: Int) -> Bool {
        let value = Swift.max(0, value)
        switch key {
        case "status":
            status = value
            engine.failStatus = value
        case "retry_after": retryAfter = value
        case "delay_ms": delay = .milliseconds(Int64(value))
        case "cut_after": cutAfter = value
        case "stall_after": stallAfter = value
        case "reset_after": resetAfter = value
        case "tokens": tokens = Swift.min(value, Limits.tokensMax)
        case "interval_ms": interval = .milliseconds(Int64(value))
        case "unhealthy": isUnhealthy = value != 0
        case "fail_every": engine.failEvery = value
        case "crash_after_tokens": engine.crashAfterTokens = value
        case "first_token_delay_ms": engine.firstTokenDelay = .milliseconds(Int64(value))
        case "out_of_memory_above_tokens": engine.outOfMemoryAboveTokens = value
        default: return false
        }
        return true
    }

    /// The status that every request is answered with.
    var statusOfAll: Int? { engine.failEvery == nil ? status : nil }

    /// These faults, overruled by the `x-sim-` headers of one request.
    func overruled(by header: (String) -> String?) -> ModelServerFaults {
        var faults = self
        for key in Self.headerKeys {
            let name = "x-sim-" + String(key.map { $0 == "_" ? "-" : $0 })
            guard let text = header(name), let value = Int(text) else { continue }
            // A status asked for one request strikes that request, not every nth.
            if key == "status" { faults.engine.failEvery = nil }
            _ = faults.set(key, value)
        }
        return faults
    }

    /// The keys that a request may overrule by header.
    static let headerKeys = Array(keys.prefix(8))
}

extension ModelServerFaults {
    /// The faults that a `/sim/faults` body asks for.
    ///
    /// **Errors**: an unknown key, or a value that is neither a whole number nor a boolean.
    init(_ body: JSON) throws(OpenAIError) {
        self.init()
        guard let members = body.members else { throw .invalid("the body must be an object") }
        for member in members {
            let value: Int
            switch member.value {
            case .null: continue
            case .boolean(let isOn): value = isOn ? 1 : 0
            default:
                guard let whole = member.value.whole else {
                    throw .invalid("`\(member.name)` must be a whole number", member.name)
                }
                value = whole
            }
            guard set(member.name, value) else {
                let known = Self.keys.joined(separator: ", ")
                throw .invalid("no fault `\(member.name)`; known are \(known)", member.name)
            }
        }
    }
}
