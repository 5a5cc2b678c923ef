// SPDX-License-Identifier: Apache-2.0

/// The fields of references from one resource to another.
enum ReferenceShape {
    /// `parentRefs[]`.
    static let parent: [Field] = [
        Field(
            "group",
            .choice(
                ["gateway.networking.k8s.io"], refused: [.init("", "attach it to a `Gateway`")]),
            fallback: "gateway.networking.k8s.io", "the API group of the parent"),
        Field(
            "kind",
            .choice(
                ["Gateway"],
                refused: [
                    .init("Service", "attach the route to a `Gateway`"),
                    .init("ListenerSet", "write the listeners into the `Gateway`"),
                ]),
            fallback: "Gateway", "the kind of the parent"),
        Field("namespace", .text(.label), "the namespace of the parent; absent for your own"),
        Field("name", .text(.subdomain), required: true, "the name of the parent"),
        Field("sectionName", .text(.subdomain), "one listener of it; absent for every one"),
        Field("port", .port, "only listeners with this port"),
    ]

    /// `backendRef` without weight and filters.
    static let backend: [Field] = [
        Field("group", .text(.group), fallback: "\"\" (core)", "`pinion.dev`"),
        Field("kind", .text(.line), fallback: "Service", "`Backend` or `Model`"),
        Field("namespace", .text(.label), "its namespace; absent for your own"),
        Field("name", .text(.subdomain), required: true, "its name"),
        Field("port", .port, "only for kinds that exist in Kubernetes"),
    ]

    /// A reference to a certificate with its key.
    static let certificate: [Field] = [
        Field("group", .text(.group), fallback: "\"\" (core)", "`pinion.dev` for a Certificate"),
        Field(
            "kind", .choice(["Secret", "Certificate"]), fallback: "Secret", "the kind"),
        Field("namespace", .text(.label), "its namespace; absent for your own"),
        Field("name", .text(.subdomain), required: true, "its name"),
    ]

    /// A reference to authorities.
    static let authority: [Field] = [
        Field("group", .text(.group), fallback: "\"\" (core)", "`pinion.dev` for a TrustDomain"),
        Field(
            "kind",
            .choice(
                ["Secret", "TrustDomain"],
                refused: [
                    .init("ConfigMap", "write the certificates into a Secret, as `ca.crt`")
                ]), fallback: "Secret", "the kind"),
        Field("namespace", .text(.label), "its namespace; absent for your own"),
        Field("name", .text(.subdomain), required: true, "its name"),
    ]

    /// A reference to a `PolicyEngine`.
    static let policyEngine: [Field] = [
        Field("group", .choice(["pinion.dev"]), fallback: "pinion.dev", "the API group"),
        Field("kind", .choice(["PolicyEngine"]), fallback: "PolicyEngine", "the kind"),
        Field("namespace", .text(.label), "its namespace; absent for your own"),
        Field("name", .text(.subdomain), required: true, "its name"),
    ]

    /// A reference to a `Backend` from a `Model`.
    static let modelBackend: [Field] = [
        Field("group", .choice(["pinion.dev"]), fallback: "pinion.dev", "the API group"),
        Field("kind", .choice(["Backend"]), fallback: "Backend", "the kind"),
        Field("namespace", .text(.label), "its namespace; absent for your own"),
        Field("name", .text(.subdomain), required: true, "its name"),
    ]
}

/// The fields of `ReferenceGrant.spec`.
///
/// **Source** https://gateway-api.sigs.k8s.io/reference/spec/#referencegrantspec
enum ReferenceGrantShape {
    static let spec: [Field] = [
        Field("from", .someOf(.object(from), atMost: 16), required: true, "who may refer"),
        Field("to", .someOf(.object(to), atMost: 16), required: true, "to what"),
    ]

    private static let from: [Field] = [
        Field("group", .text(.group), required: true, "the API group of the referrer"),
        Field("kind", .text(.line), required: true, "the kind of the referrer"),
        Field("namespace", .text(.label), required: true, "the namespace of the referrer"),
    ]

    private static let to: [Field] = [
        Field("group", .text(.group), required: true, "the API group of what is referred to"),
        Field("kind", .text(.line), required: true, "the kind of what is referred to"),
        Field("name", .text(.subdomain), "its name; absent for all of the kind"),
    ]
}
