// SPDX-License-Identifier: Apache-2.0

/// The fields of `Gateway.spec`.
///
/// **Source** https://gateway-api.sigs.k8s.io/reference/spec/#gatewayspec
enum GatewayShape {
    static let spec: [Field] = [
        Field(
            "gatewayClassName", .text(.subdomain), required: true,
            "`pinion`; Gateways of other classes are left to others"),
        Field(
            "addresses", .list(.object(address), atMost: 16), fallback: "127.0.0.1",
            "the addresses to bind"),
        Field(
            "listeners", .someOf(.object(listener), atMost: 64), required: true,
            "the ports to listen on"),
        .refused("infrastructure", "remove it: the proxy runs where you start it"),
        .refused("allowedListeners", "remove it: write every listener into the Gateway"),
        .refused("backendTLS", "set `spec.tls` of the Backend instead"),
        Field("tls", .object(tls), "what callers must show at its HTTPS listeners"),
        .refused("defaultScope", "remove it: write `parentRefs` into every route"),
    ]

    private static let address: [Field] = [
        Field(
            "type",
            .choice(
                ["IPAddress"],
                refused: [.init("Hostname", "write the IP address to bind")]),
            fallback: "IPAddress", "what `value` is"),
        Field(
            "value", .text(.ipAddress), required: true,
            "the address to bind, `0.0.0.0` for every one"),
    ]

    private static let listener: [Field] = [
        Field("name", .text(.subdomain), required: true, "its name, unique in the Gateway"),
        Field("hostname", .text(.hostname), "the hostname it serves; absent for every one"),
        Field("port", .port, required: true, "the port to bind"),
        Field(
            "protocol",
            .choice(
                [
                    "HTTP", "HTTPS", "pinion.dev/ext-authz-grpc", "pinion.dev/ext-authz-http",
                    "pinion.dev/auth-request",
                ],
                refused: [
                    .init("TLS", "write `HTTPS`: what is not HTTP is not carried"),
                    .init("TCP", "write `HTTP` or `HTTPS`"),
                    .init("UDP", "write `HTTP` or `HTTPS`"),
                ]),
            required: true,
            "`HTTP` or `HTTPS` for traffic; with the others the mesh is asked whether requests of "
                + "another proxy may pass: Envoy's ext_authz over gRPC or HTTP, nginx's "
                + "auth_request"
        ),
        Field("allowedRoutes", .object(allowedRoutes), "which routes may attach"),
        Field("tls", .object(listenerTLS), "its certificate; HTTPS needs it"),
    ]

    private static let listenerTLS: [Field] = [
        Field(
            "mode",
            .choice(
                ["Terminate"],
                refused: [.init("Passthrough", "write `Terminate`: TLS is not passed on")]),
            fallback: "Terminate", "where TLS ends: here"),
        Field(
            "certificateRefs",
            .list(.object(ReferenceShape.certificate), count: 1...1),
            "the Certificate, or the Secret with `tls.crt` and `tls.key`, that it shows"),
        Field(
            "options", .labels,
            "`pinion.dev/minimum-version`: `1.3`, the default, or `1.2`"),
        .refused("frontendValidation", "write `spec.tls.frontend` of the Gateway"),
    ]

    private static let tls: [Field] = [
        Field("frontend", .object(frontend), "how callers are validated"),
        .refused("backend", "write `tls.certificateRef` of the Backend"),
    ]

    private static let frontend: [Field] = [
        Field(
            "default", .object(validated), "holds on every port that is not in `perPort`"),
        Field("perPort", .list(.object(perPort), atMost: 64), "holds on one port"),
    ]

    private static let perPort: [Field] = [
        Field("port", .port, required: true, "the port, of an HTTPS listener"),
        Field("tls", .object(validated), required: true, "what holds there"),
    ]

    private static let validated: [Field] = [
        Field("validation", .object(validation), "absent for callers without certificates")
    ]

    private static let validation: [Field] = [
        Field(
            "caCertificateRefs", .someOf(.object(ReferenceShape.authority), atMost: 8),
            required: true,
            "who vouches for callers: a TrustDomain, whose workloads are then known by their "
                + "SPIFFE ID, or Secrets with `ca.crt`"),
        Field(
            "mode", .choice(["AllowValidOnly", "AllowInsecureFallback"]),
            fallback: "AllowValidOnly",
            "whether callers must show a certificate; one that does not hold is refused with "
                + "either"),
    ]

    private static let allowedRoutes: [Field] = [
        Field("namespaces", .object(namespaces), "from which namespaces"),
        Field("kinds", .list(.object(kind), atMost: 8), "of which kinds; absent for every one"),
    ]

    private static let namespaces: [Field] = [
        Field(
            "from",
            .choice(
                ["Same", "All", "None"],
                refused: [
                    .init("Selector", "namespaces have no labels here: write `Same` or `All`")
                ]),
            fallback: "Same", "`Same` for the Gateway's own, `All` for every one"),
        .refused("selector", "namespaces have no labels here: write `from: Same` or `from: All`"),
    ]

    private static let kind: [Field] = [
        Field(
            "group", .choice(["gateway.networking.k8s.io", "pinion.dev"]),
            fallback: "gateway.networking.k8s.io", "the API group"),
        Field(
            "kind",
            .choice(
                ["HTTPRoute", "GRPCRoute", "Model"],
                refused: [
                    .init("TLSRoute", "write `HTTPRoute`, `GRPCRoute` or `Model`"),
                    .init("TCPRoute", "write `HTTPRoute`, `GRPCRoute` or `Model`"),
                    .init("UDPRoute", "write `HTTPRoute`, `GRPCRoute` or `Model`"),
                ]),
            required: true, "the kind"),
    ]
}
