// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The bounds and fixed figures of this target, each with its reason.
enum Limits {
    /// Endpoints that one exchange remembers as tried; more attempts than this forget the oldest.
    static var tried: Int { 8 }
    /// Draws after which a random choice gives way to a walk over the list.
    static var redraws: Int { 8 }
    /// Points of a hash ring for each unit of weight: keeps the shares of equal endpoints within
    /// about a tenth of each other.
    static var ringPointsPerWeight: Int { 160 }
    /// Points of one hash ring in all: 12 bytes each, sorted when a snapshot is adopted.
    static var ringPoints: Int { 65_536 }
    /// Points that are passed over because their endpoint is out, before the ring gives way to
    /// the list of those that are not.
    static var ringSteps: Int { 512 }
    /// The latency of an endpoint that has not answered yet.
    static var latencyDefault: Nanoseconds { .milliseconds(30) }
    /// The least latency that is told from none, so that load always counts.
    static var latencyMin: Nanoseconds { .microseconds(1) }
    /// The most that failures alone make of a latency.
    static var latencyAfterFailuresMax: Nanoseconds { .seconds(10) }
    /// The time in which what was known of a latency falls to 1/e.
    static var latencyDecay: Nanoseconds { .seconds(10) }
    /// Endpoints of a backend whose states one recording keeps with each pick: about 100 bytes
    /// each.
    static var picturedEndpoints: Int { 64 }
    /// Upstream models of one backend that are known to be in trouble; a wildcard lets callers
    /// name any.
    static var troubles: Int { 64 }
    /// Cool-downs that wait to be told to other shards; the rest they find out themselves.
    static var news: Int { 64 }
    /// The longest pause for a server that asks for one without saying for how long.
    static var unhintedCoolDown: Nanoseconds { .seconds(30) }
    /// Endpoints whose times are known, below which none is called slow.
    static var comparedEndpoints: Int { 3 }
    /// Seconds that a retry budget looks back.
    static var budgetSeconds: Int { 10 }
}
