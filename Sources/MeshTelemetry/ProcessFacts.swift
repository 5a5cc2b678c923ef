// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What only the driver can know when a page is asked for: pure rooms read no clock and no
/// process table.
package struct ProcessFacts: Hashable, Sendable {
    /// The running version.
    package var version: String
    /// When the process began.
    package var startedAt: WallTime
    /// Memory in RAM, in bytes.
    package var residentBytes: UInt64 = 0
    /// Processor time used.
    package var cpu: Nanoseconds = .zero
    /// Open file descriptors.
    package var openFiles: UInt64 = 0
    /// The snapshot in use.
    package var snapshotVersion: UInt64 = 0
    /// Snapshots refused since the start.
    package var snapshotsRejected: UInt64 = 0
    /// When a snapshot was last taken into use; nil when none was yet.
    package var snapshotTakenAt: WallTime?

    /// When each certificate that listeners show ends, by what it is called.
    package var certificateEnds: [CertificateEnd] = []
    /// Certificates that changed and could not be used.
    package var certificateFailures: UInt64 = 0

    /// How rollouts stand.
    package var rollouts: [RolloutFacts] = []
    /// How often the state of a rollout could not be read or kept.
    package var rolloutStateFailures: UInt64 = 0

    /// How one rollout stands.
    package struct RolloutFacts: Hashable, Sendable {
        /// `namespace/name`.
        package var name: String
        /// Its phase.
        package var phase: String
        /// The canary's share in percent.
        package var weight: UInt64
        /// The present step, from 1.
        package var step: UInt64
        /// How often each phase began since the process did.
        package var changes: [Change]

        /// How often one phase began.
        package struct Change: Hashable, Sendable {
            /// The phase.
            package var phase: String
            /// How often.
            package var count: UInt64

            /// `phase` began so often.
            package init(phase: String, count: UInt64) {
                self.phase = phase
                self.count = count
            }
        }

        /// A rollout of the given parts.
        package init(
            name: String, phase: String, weight: UInt64, step: UInt64,
            changes: [Change]
        ) {
            self.name = name
            self.phase = phase
            self.weight = weight
            self.step = step
            self.changes = changes
        }
    }

    /// When a certificate ends.
    package struct CertificateEnd: Hashable, Sendable {
        /// What it is called.
        package var label: String
        /// Its end.
        package var time: WallTime

        /// The certificate `label` ends at `time`.
        package init(label: String, time: WallTime) {
            self.label = label
            self.time = time
        }
    }

    /// The facts of a process that has only begun.
    package init(version: String, startedAt: WallTime) {
        self.version = version
        self.startedAt = startedAt
    }
}
