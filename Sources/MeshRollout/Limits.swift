// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The bounds and fixed figures of this target, each with its reason.
enum Limits {
    /// Terms of a continued fraction: enough for a hundred million observations.
    static var fractionSteps: Int { 20_000 }
    /// Halvings that find a bound: to 60 digits of two, more than a number here has.
    static var bisections: Int { 60 }
    /// Looks at one measure of one step: the last is reached behind any count of requests.
    static var looks: Int { 160 }
    /// Changes that a rollout remembers.
    static var history: Int { 32 }
    /// The longest time that a state may tell of: a hundred years, far from what overflows.
    static var length: Nanoseconds { .seconds(3_153_600_000) }
    /// The most windows of one step that a state may tell of.
    static var windows: Int { 1_000_000_000 }
    /// Rollouts that are remembered though the configuration has them no more.
    static var dormant: Int { 256 }
}
