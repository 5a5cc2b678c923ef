// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// An `AttestationVerifier`: whose signed word about machines counts.
package struct AttestationVerifierResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The value of `iss`.
    package var issuer: Located<String>
    /// Values of `aud` of which one must be there.
    package var audiences: [Located<String>]
    /// How statements may be signed; empty for the default.
    package var algorithms: [Located<String>]
    /// The file with the verifier's keys.
    package var keyFile: Located<String>
    /// How long a statement counts after it was made, or nil.
    package var maxAge: Located<Nanoseconds>?
    /// What a statement must say to count at all, or nil.
    package var require: EmbeddedText?
    /// Where the measurements stand in a statement, or nil.
    package var measurements: EmbeddedText?

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        issuer = spec?.text("issuer") ?? Located("", at: metadata.place)
        audiences = spec?.texts("audiences") ?? []
        algorithms = spec?.texts("algorithms") ?? []
        keyFile = spec?.text("jwksFile") ?? Located("", at: metadata.place)
        maxAge = spec?.duration("maxAge")
        require = EmbeddedText(spec?["require"])
        measurements = EmbeddedText(spec?["measurements"])
    }
}

/// Where the evidence of an endpoint lies.
package struct EvidenceText: Hashable, Sendable {
    /// The AttestationVerifier that signed it.
    package var verifier: Located<String>
    /// The file that holds it.
    package var file: Located<String>
    /// Whom it must be about, or nil.
    package var subject: Located<String>?

    init?(_ cursor: Cursor?) {
        guard let cursor, let verifier = cursor.text("verifier"), let file = cursor.text("file")
        else { return nil }
        self.verifier = verifier
        self.file = file
        subject = cursor.text("subject")
    }
}
