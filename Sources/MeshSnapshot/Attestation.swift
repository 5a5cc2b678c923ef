// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What a verifier said about an endpoint, its signature checked when it was read.
///
/// **Source** RFC 9334 (attestation results), RFC 9711 (EAT).
package struct Attestation: Hashable, Sendable {
    /// What receipts call it: its `jti`, else a digest of it.
    package var id: String
    /// `namespace/name` of the verifier whose key signed it.
    package var verifier: String
    /// What was measured, each as the verifier wrote it.
    package var measurements: [String]
    /// When it begins to hold.
    package var opens: WallTime
    /// From when on it does not hold any more.
    package var closes: WallTime

    /// A statement of the given parts.
    package init(
        id: String, verifier: String, measurements: [String], opens: WallTime, closes: WallTime
    ) {
        self.id = id
        self.verifier = verifier
        self.measurements = measurements
        self.opens = opens
        self.closes = closes
    }

    /// Whether it holds at `time`.
    package func holds(at time: WallTime) -> Bool {
        opens <= time && time < closes
    }
}
