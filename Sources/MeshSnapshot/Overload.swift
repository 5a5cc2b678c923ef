// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshPolicy

/// Index into `Snapshot.overload`.
package typealias OverloadID = Int32

/// One OverloadPolicy: how many requests a backend works on at once, who waits for a place and
/// who is refused.
package struct OverloadPolicy: Sendable {
    /// `namespace/name` of the OverloadPolicy.
    package let name: String
    /// How many and how long.
    package let settings: OverloadSettings
    /// Which requests are worth more or less than others; the first that holds counts.
    package let priorities: [PriorityRule]

    /// A policy of the given parts.
    package init(name: String, settings: OverloadSettings, priorities: [PriorityRule] = []) {
        self.name = name
        self.settings = settings
        self.priorities = priorities
    }

    /// The priority of a request that no rule is about.
    package static let priorityUsual = 0
}

/// The numbers of an OverloadPolicy, for the whole process.
package struct OverloadSettings: Sendable, Hashable {
    /// How many requests at once.
    package var concurrency: Concurrency
    /// Requests that wait; 0 for none.
    package var queueMax: Int
    /// The longest that a request waits.
    package var queueTimeout: Nanoseconds
    /// The longest that a request waits while the queue never gets empty.
    package var queueTarget: Nanoseconds

    /// How the number of requests at once is found.
    package enum Concurrency: Sendable, Hashable {
        /// It is what was written.
        case fixed(Int)
        /// It follows from how long answers take to begin.
        case adaptive(Adaptive)
    }

    /// Bounds of a number that is found by measuring.
    package struct Adaptive: Sendable, Hashable {
        /// Never fewer; at least 1.
        package var least: Int
        /// Never more.
        package var most: Int
        /// At the beginning.
        package var first: Int
        /// How long answers may take to begin, in percent of what they take without load; above
        /// 100.
        package var tolerancePercent: Int
        /// What is tolerated above that, whatever they take without load.
        package var slack: Nanoseconds

        /// Bounds of the given parts.
        package init(
            least: Int = 1, most: Int = 1000, first: Int = 8, tolerancePercent: Int = 300,
            slack: Nanoseconds = .milliseconds(50)
        ) {
            self.least = least
            self.most = most
            self.first = first
            self.tolerancePercent = tolerancePercent
            self.slack = slack
        }
    }

    /// Settings of the given parts.
    package init(
        concurrency: Concurrency = .adaptive(Adaptive()), queueMax: Int = 1000,
        queueTimeout: Nanoseconds = .seconds(5), queueTarget: Nanoseconds = .milliseconds(500)
    ) {
        self.concurrency = concurrency
        self.queueMax = queueMax
        self.queueTimeout = queueTimeout
        self.queueTarget = queueTarget
    }
}

/// Which requests have a priority of their own.
package final class PriorityRule: Sendable {
    /// Its name, unique in the policy.
    package let name: String
    /// The priority; the higher goes first, and below 0 nothing ever waits.
    package let priority: Int
    /// When it holds. What cannot be evaluated does not.
    package let program: Program

    /// A rule of the given parts.
    package init(name: String, priority: Int, program: Program) {
        self.name = name
        self.priority = priority
        self.program = program
    }
}

/// Retries that all backends of the process together may receive.
package struct RetryBudgetPolicy: Sendable, Hashable {
    /// In percent of the requests of the last ten seconds.
    package var percent: Int
    /// Each second in any case.
    package var minPerSecond: Int

    /// A budget of the given parts.
    package init(percent: Int, minPerSecond: Int) {
        self.percent = percent
        self.minPerSecond = minPerSecond
    }
}
