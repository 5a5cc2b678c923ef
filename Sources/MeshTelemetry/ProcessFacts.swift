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
