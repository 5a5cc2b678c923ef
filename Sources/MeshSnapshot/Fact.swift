// SPDX-License-Identifier: Apache-2.0

package import MeshPolicy

/// What rules may speak about: everything that is known of a request, each with the stage at
/// which it is known.
///
/// The list is the contract between what an operator writes and what the exchange fills in: a
/// fact stands here when, and only when, it can be known. Its order is the numbering of facts in
/// `environment`. `Docs/facts.md` is written from it.
///
/// What the caller claims of itself (headers, the body) is a fact of the request, never of the
/// caller: facts about who somebody is come with identity.
package enum Fact: Int, CaseIterable, Sendable, Hashable {
    /// The caller's address.
    case sourceAddress
    /// Who the caller was verified to be, by an IdentityProvider.
    case sourceIdentity, sourceKeyID, sourceKeyOwner, sourceKeyScopes, jwtClaims
    /// Which workload the caller proved to be, by its certificate.
    case sourceSPIFFEID, sourceNamespace
    /// The request line and head.
    case requestMethod, requestPath, requestQuery, requestHost, requestHeaders
    /// What the mesh calls the request, when it came, and how large its body says to be.
    case requestID, requestTime, requestSize
    /// What the path asks for.
    case aiOperation
    /// What the body asks for.
    case aiModel, aiStream, aiMaxTokens, aiTokensEstimated, aiToolCount, aiTools
    /// What its data is.
    case dataLabels
    /// Where it is about to go.
    case destinationBackend, destinationProvider, destinationRegion, destinationZone
    case destinationJurisdictions, destinationHardware, destinationAttested

    /// The name in expressions.
    package var name: String {
        switch self {
        case .sourceAddress: "source.address"
        case .sourceIdentity: "source.identity"
        case .sourceKeyID: "source.key.id"
        case .sourceKeyOwner: "source.key.owner"
        case .sourceKeyScopes: "source.key.scopes"
        case .jwtClaims: "jwt.claims"
        case .sourceSPIFFEID: "source.spiffe_id"
        case .sourceNamespace: "source.namespace"
        case .requestMethod: "request.method"
        case .requestPath: "request.path"
        case .requestQuery: "request.query"
        case .requestHost: "request.host"
        case .requestHeaders: "request.headers"
        case .requestID: "request.id"
        case .requestTime: "request.time"
        case .requestSize: "request.size"
        case .aiOperation: "ai.operation"
        case .aiModel: "ai.model"
        case .aiStream: "ai.stream"
        case .aiMaxTokens: "ai.max_tokens"
        case .aiTokensEstimated: "ai.tokens_estimated"
        case .aiToolCount: "ai.tool_count"
        case .aiTools: "ai.tools"
        case .dataLabels: "data.labels"
        case .destinationBackend: "destination.backend"
        case .destinationProvider: "destination.provider"
        case .destinationRegion: "destination.region"
        case .destinationZone: "destination.zone"
        case .destinationJurisdictions: "destination.jurisdictions"
        case .destinationHardware: "destination.hardware"
        case .destinationAttested: "destination.attested"
        }
    }

    /// When it is known.
    package var stage: FactStage {
        switch self {
        case .sourceAddress, .sourceIdentity, .sourceKeyID, .sourceKeyOwner, .sourceKeyScopes,
            .jwtClaims, .sourceSPIFFEID, .sourceNamespace, .requestMethod, .requestPath,
            .requestQuery, .requestHost, .requestHeaders, .requestID, .requestTime, .requestSize,
            .aiOperation:
            .head
        case .aiModel, .aiStream, .aiMaxTokens, .aiTokensEstimated, .aiToolCount, .aiTools,
            .dataLabels:
            .body
        case .destinationBackend, .destinationProvider, .destinationRegion, .destinationZone,
            .destinationJurisdictions, .destinationHardware, .destinationAttested:
            .destination
        }
    }

    /// Whether only the body says it. The labels of data are known as late, but where nothing
    /// that gives them reads a body, nobody has to.
    package var readsBody: Bool { stage == .body && self != .dataLabels }

    /// How expressions see it.
    package var declaration: FactDeclaration {
        switch self {
        case .requestTime: FactDeclaration(name, .timestamp)
        case .requestSize, .aiMaxTokens, .aiTokensEstimated, .aiToolCount:
            FactDeclaration(name, .int)
        case .aiStream, .destinationAttested: FactDeclaration(name, .bool)
        case .dataLabels, .destinationJurisdictions:
            FactDeclaration(name, .list(.string), sizeMax: DataLabels.countMax)
        case .requestHeaders: FactDeclaration(name, .map(.string, .string), sizeMax: 100)
        case .sourceKeyScopes: FactDeclaration(name, .list(.string), sizeMax: 64)
        case .aiTools: FactDeclaration(name, .list(.string), sizeMax: Self.toolsMax)
        case .jwtClaims: FactDeclaration(name, .map(.string, .dyn), sizeMax: 256)
        case .requestPath, .requestQuery: FactDeclaration(name, .string, sizeMax: 8_192)
        case .sourceSPIFFEID, .sourceNamespace: FactDeclaration(name, .string, sizeMax: 2_048)
        case .sourceAddress, .sourceIdentity, .sourceKeyID, .sourceKeyOwner, .requestMethod,
            .requestHost, .requestID, .aiOperation, .aiModel, .destinationBackend,
            .destinationProvider, .destinationRegion, .destinationZone, .destinationHardware:
            FactDeclaration(name, .string, sizeMax: 256)
        }
    }

    /// What kind of IdentityProvider makes it known, or nil when every request has it.
    package var knownBy: IdentityKind? {
        switch self {
        case .sourceIdentity: .any
        case .sourceKeyID, .sourceKeyOwner, .sourceKeyScopes: .apiKeys
        case .jwtClaims: .tokens
        case .sourceSPIFFEID, .sourceNamespace: .certificates
        case .sourceAddress, .requestMethod, .requestPath, .requestQuery, .requestHost,
            .requestHeaders, .requestID, .requestTime, .requestSize, .aiOperation, .aiModel,
            .aiStream, .aiMaxTokens, .aiTokensEstimated, .aiToolCount, .aiTools, .dataLabels,
            .destinationBackend, .destinationProvider, .destinationRegion, .destinationZone,
            .destinationJurisdictions, .destinationHardware, .destinationAttested:
            nil
        }
    }

    /// One line about it.
    package var note: String {
        switch self {
        case .sourceAddress:
            "the address that the connection comes from, as `10.1.2.3` or `2001:db8::1`"
        case .sourceIdentity:
            "whom an IdentityProvider knows the caller by: the `sub` of its token, or the owner "
                + "of its API key; absent when nobody was verified"
        case .sourceKeyID: "the id of the API key; absent without one"
        case .sourceKeyOwner: "the owner of the API key; absent without one"
        case .sourceKeyScopes:
            "the scopes of the API key: `'chat' in source.key.scopes`; absent without one"
        case .jwtClaims:
            "the claims of the verified token, each of the type it has there: "
                + "`jwt.claims.sub`, `'admins' in jwt.claims.groups`; absent without one"
        case .sourceSPIFFEID:
            "the SPIFFE ID of the workload that the caller's certificate proves it to be: "
                + "`spiffe://example.org/ns/prod/agent`; absent without a certificate"
        case .sourceNamespace:
            "the namespace in that ID, what stands behind `/ns/`; absent without one"
        case .requestMethod: "the method as it was written: `POST`"
        case .requestPath: "the path in its canonical spelling, without the query"
        case .requestQuery: "what stands behind `?`, as it was written; empty when there is none"
        case .requestHost: "the host in lower case, without port; empty when there is none"
        case .requestHeaders:
            "the header fields by name: `request.headers['x-team']`. Names have no case. A field "
                + "that is there more than once is ambiguous: whoever reads it fails. The map as "
                + "a whole has names in lower case, and such values joined with `, `"
        case .requestID: "the id under which logs know the request"
        case .requestTime: "when the request came; a retry is judged by the same time"
        case .requestSize: "bytes of the body; absent when the head does not say, as with chunks"
        case .aiOperation:
            "what the path asks for: `chat`, `text_completion`, `embeddings`, `rerank`, "
                + "`tokenize`, `models`; empty for anything else"
        case .aiModel:
            "the name of the Model that takes the request, whichever of its aliases was asked "
                + "for; what the body says where no Model of a fixed name takes it; empty "
                + "without a body"
        case .aiStream: "whether the answer is asked for as a stream"
        case .aiMaxTokens:
            "the largest bound on tokens that the body sets; absent when it sets none"
        case .aiTokensEstimated: "tokens that are reserved for the request, as limits do"
        case .aiToolCount: "how many tools the body offers"
        case .aiTools:
            "the names of those tools: `ai.tools.all(t, t in ['search', 'add'])`; of one that a "
                + "server has built in, its type. Whoever reads it fails when there are more than "
                + "128, or when a tool has no name that all servers would read alike"
        case .dataLabels:
            "the labels of its data, sorted, that ResidencyPolicies found on it; empty for none"
        case .destinationBackend: "`namespace/name` of the Backend it is about to go to"
        case .destinationProvider: "the provider of that Backend: `openai`, `vllm`; may be empty"
        case .destinationRegion:
            "the label `region` of its endpoints; absent where they differ or say nothing"
        case .destinationZone:
            "the label `zone` of its endpoints; absent where they differ or say nothing"
        case .destinationJurisdictions:
            "every jurisdiction that one of its endpoints is subject to, sorted"
        case .destinationHardware:
            "the label `hardware` of its endpoints; absent where they differ or say nothing"
        case .destinationAttested:
            "whether each of its endpoints has evidence of a verifier that holds when the "
                + "request came"
        }
    }

    /// The most tools whose names are told; servers of the OpenAI API take no more.
    package static let toolsMax = 128

    /// What rules are compiled with. `Program.slots` lead to slots of a layout, and those to
    /// facts by `rawValue`.
    package static let environment = Environment(facts: allCases.map(\.declaration))
}

/// What kind of IdentityProvider makes a fact known.
package enum IdentityKind: Sendable, Hashable {
    /// Either.
    case any
    /// One of tokens.
    case tokens
    /// One of API keys.
    case apiKeys
    /// None: the listener asks callers for certificates of a TrustDomain.
    case certificates

    /// Whether `provider` is of the kind.
    package func includes(_ provider: IdentityProvider) -> Bool {
        switch self {
        case .any: true
        case .tokens: provider.readsTokens
        case .apiKeys: provider.readsKeys
        case .certificates: false
        }
    }
}

/// When a fact is known, and when a rule that reads it can be asked.
package enum FactStage: UInt8, CaseIterable, Comparable, Sendable, Hashable {
    /// Once the head was read.
    case head
    /// Once the body was read and the model is known.
    case body
    /// Before each backend that the request is sent to.
    case destination

    package static func < (a: FactStage, b: FactStage) -> Bool { a.rawValue < b.rawValue }

    /// The word in documents and listings.
    package var label: String {
        switch self {
        case .head: "head"
        case .body: "body"
        case .destination: "destination"
        }
    }
}
