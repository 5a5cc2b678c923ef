// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A `Backend`: where traffic can go.
package struct BackendResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// Whether its endpoints speak the OpenAI API.
    package var isOpenAI: Bool
    /// What metrics call it, or nil for the default.
    package var provider: String?
    /// Its addresses, or nil when none were written.
    package var endpoints: Located<[Endpoint]>?
    /// A name whose addresses are its endpoints.
    package var dns: Located<Name>?
    /// A URL.
    package var url: Located<String>?
    /// `appProtocol`, or nil when none was written.
    package var appProtocol: Located<String>?
    /// What is known about all of its endpoints, sorted by key.
    package var labels: [Metadata.Label]
    /// Where evidence about all of its endpoints lies, or nil.
    package var evidence: EvidenceText?
    /// Encryption towards it.
    package var tls: Located<Encryption>?
    /// The `Host` it is sent.
    package var hostHeader: Located<String>?
    /// What is put in front of every path.
    package var pathPrefix: Located<String>?
    /// The credential it is sent.
    package var credential: Located<CredentialReference>?

    /// One address.
    package struct Endpoint: Hashable, Sendable {
        /// An IP address or `localhost`.
        package var address: Located<String>
        /// Its port.
        package var port: UInt16
        /// Its share.
        package var weight: Int
        /// What is known about it, sorted by key.
        package var labels: [Metadata.Label]
        /// Where evidence about it lies, or nil.
        package var evidence: EvidenceText?

        init?(_ cursor: Cursor) {
            guard let address = cursor.text("address"), let port = cursor.port("port") else {
                return nil
            }
            self.address = address
            self.port = port.value
            weight = cursor.integer("weight")?.value ?? 1
            labels = cursor.labels("labels")
            evidence = EvidenceText(cursor["evidence"])
        }
    }

    /// A DNS name.
    package struct Name: Hashable, Sendable {
        /// The name.
        package var hostname: String
        /// The port of every address.
        package var port: UInt16
        /// How often it is resolved again, or nil for the default.
        package var refresh: Located<Nanoseconds>?
    }

    /// How connections are encrypted.
    package struct Encryption: Hashable, Sendable {
        /// The name the certificate must have.
        package var serverName: String?
        /// A PEM file of authorities.
        package var caFile: String?
    }

    /// Where a credential is read; never the credential itself.
    package struct CredentialReference: Hashable, Sendable {
        /// An environment variable.
        package var environment: Located<String>?
        /// A file.
        package var file: Located<String>?
        /// A Secret and the name of a value in it.
        package var secret: Located<SecretKey>?
        /// The header that carries it.
        package var header: String?
        /// What stands in front of it.
        package var prefix: String?
    }

    /// The name of a Secret and that of a value in it.
    package struct SecretKey: Hashable, Sendable {
        /// The Secret.
        package var name: Located<String>
        /// The value in it.
        package var key: Located<String>

        init?(_ cursor: Cursor?) {
            guard let name = cursor?.text("name"), let key = cursor?.text("key") else {
                return nil
            }
            self.name = name
            self.key = key
        }
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        isOpenAI = spec?.text("dialect")?.value == "OpenAI"
        provider = spec?.text("provider")?.value
        endpoints = spec?["endpoints"].map { cursor in
            Located(cursor.elements.compactMap { Endpoint($0) }, at: cursor.place)
        }
        dns = spec?["dns"].map { cursor in
            let name = Name(
                hostname: cursor.text("hostname")?.value ?? "",
                port: cursor.port("port")?.value ?? 0, refresh: cursor.duration("refresh"))
            return Located(name, at: cursor.place)
        }
        url = spec?.text("url")
        appProtocol = spec?.text("appProtocol")
        labels = spec?.labels("labels") ?? []
        evidence = EvidenceText(spec?["evidence"])
        tls = spec?["tls"].map { cursor in
            Located(
                Encryption(
                    serverName: cursor.text("serverName")?.value,
                    caFile: cursor.text("caFile")?.value), at: cursor.place)
        }
        hostHeader = spec?.text("hostHeader")
        pathPrefix = spec?.text("pathPrefix")
        credential = spec?["credential"].map { cursor in
            Located(
                CredentialReference(
                    environment: cursor.text("env"), file: cursor.text("file"),
                    secret: cursor["secretRef"].flatMap { reference in
                        SecretKey(reference).map { Located($0, at: reference.place) }
                    },
                    header: cursor.text("header")?.value, prefix: cursor.text("prefix")?.value),
                at: cursor.place)
        }
    }
}

/// A `Model`: a logical name and what serves it.
package struct ModelResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The Gateways that offer it, or nil for every one of its namespace.
    package var parents: [ParentReference]?
    /// The name callers use.
    package var name: Located<String>
    /// Further names.
    package var aliases: [Located<String>]
    /// What serves it.
    package var targets: [Target]
    /// What is tried when the chosen target cannot serve.
    package var fallbacks: [Target]
    /// What gets copies of its requests.
    package var mirrors: [Mirror]
    /// `owned_by`, or nil for the default.
    package var owner: String?
    /// What tokens cost where a target says nothing, or nil.
    package var price: PriceText?

    /// A Backend, and the model's name there.
    package struct Target: Hashable, Sendable {
        /// The Backend.
        package var backend: Reference
        /// The name there, or nil to keep the caller's.
        package var model: String?
        /// Its share.
        package var weight: Int
        /// What tokens cost there, or nil for the price of the Model.
        package var price: PriceText?
        /// What the model can do there, each absent one nil.
        package var capabilities: CapabilitiesText

        init?(_ cursor: Cursor) {
            guard let backend = Reference(cursor["backendRef"]) else { return nil }
            self.backend = backend
            model = cursor.text("model")?.value
            price = PriceText(cursor["price"])
            capabilities = CapabilitiesText(cursor["capabilities"])
            weight = cursor.integer("weight")?.value ?? 1
        }
    }

    /// A share of its requests that is copied.
    package struct Mirror: Hashable, Sendable {
        /// Where the copies go, and the model's name there.
        package var target: Target
        /// The share in percent.
        package var percent: Int

        init?(_ cursor: Cursor) {
            guard let target = Target(cursor) else { return nil }
            self.target = target
            percent = cursor.integer("percent")?.value ?? 100
        }
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        parents = spec?["parentRefs"].map { $0.elements.compactMap { ParentReference($0) } }
        name = spec?.text("modelName") ?? Located(metadata.id.name, at: metadata.place)
        aliases = spec?.texts("aliases") ?? []
        targets = (spec?.elements("targets") ?? []).compactMap { Target($0) }
        fallbacks = (spec?.elements("fallbacks") ?? []).compactMap { Target($0) }
        mirrors = (spec?.elements("mirrors") ?? []).compactMap { Mirror($0) }
        owner = spec?.text("owner")?.value
        price = PriceText(spec?["price"])
    }
}

/// What an upstream model can do, as it was written; each absent one nil.
package struct CapabilitiesText: Hashable, Sendable {
    /// Tokens of prompt and answer together.
    package var contextTokens: Int?
    /// Tokens of an answer.
    package var outputTokens: Int?
    /// Whether it calls tools.
    package var tools: Bool?
    /// Whether it sees images.
    package var vision: Bool?
    /// Whether it writes JSON on demand.
    package var jsonMode: Bool?
    /// How it goes on from a beginning of the answer.
    package var prefill: String?

    init(_ cursor: Cursor?) {
        contextTokens = cursor?.integer("contextTokens")?.value
        outputTokens = cursor?.integer("outputTokens")?.value
        tools = cursor?.boolean("tools")?.value
        vision = cursor?.boolean("vision")?.value
        jsonMode = cursor?.boolean("jsonMode")?.value
        prefill = cursor?.text("prefill")?.value
    }
}
