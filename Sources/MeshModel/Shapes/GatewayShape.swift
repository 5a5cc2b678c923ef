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
        .refused("tls", "remove it: TLS listeners are not supported yet"),
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

    private static let noTLS = "write `HTTP` and end TLS in front of the proxy"

    private static let listener: [Field] = [
        Field("name", .text(.subdomain), required: true, "its name, unique in the Gateway"),
        Field("hostname", .text(.hostname), "the hostname it serves; absent for every one"),
        Field("port", .port, required: true, "the port to bind"),
        Field(
            "protocol",
            .choice(
                [
                    "HTTP", "pinion.dev/ext-authz-grpc", "pinion.dev/ext-authz-http",
                    "pinion.dev/auth-request",
                ],
                refused: [
                    .init("HTTPS", noTLS), .init("TLS", noTLS),
                    .init("TCP", "write `HTTP`, the one that is"),
                    .init("UDP", "write `HTTP`, the one that is"),
                ]),
            required: true,
            "`HTTP` for traffic; with the others the mesh is asked whether requests of another "
                + "proxy may pass: Envoy's ext_authz over gRPC or HTTP, nginx's auth_request"),
        Field("allowedRoutes", .object(allowedRoutes), "which routes may attach"),
        .refused("tls", "remove it: TLS listeners are not supported yet"),
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
