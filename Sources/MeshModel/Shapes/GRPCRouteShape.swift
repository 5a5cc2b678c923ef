// SPDX-License-Identifier: Apache-2.0

/// The fields of `GRPCRoute.spec`.
///
/// **Source** https://gateway-api.sigs.k8s.io/reference/spec/#grpcroutespec
enum GRPCRouteShape {
    static let spec: [Field] = [
        Field(
            "parentRefs", .list(.object(ReferenceShape.parent), atMost: 32),
            "the Gateways whose listeners the route attaches to"),
        Field(
            "hostnames", .list(.text(.hostname), atMost: 256),
            "the hostnames it serves; absent for all of the listener"),
        Field(
            "rules", .list(.object(rule), atMost: 128),
            fallback: "one rule for every call", "what happens to which calls"),
        .refused("useDefaultGateways", "write `parentRefs`"),
    ]

    private static let rule: [Field] = [
        Field("name", .text(.subdomain), "its name, unique in the route"),
        Field(
            "matches", .list(.object(match), atMost: 64), fallback: "every call",
            "what a call must look like; one match suffices"),
        Field(
            "filters", .list(.object(HTTPRouteShape.filter), atMost: 16),
            "how calls and answers are changed; without `RequestRedirect` and `URLRewrite`"),
        Field(
            "backendRefs", .list(.object(HTTPRouteShape.weightedBackend), atMost: 64),
            "where calls go, by weight: Backends with `appProtocol: http2`"),
        .refused(
            "sessionPersistence",
            "remove it, or balance with `RingHash` in a TrafficPolicy of the Backend"),
    ]

    private static let match: [Field] = [
        Field("method", .object(method), fallback: "every method", "which method is called"),
        Field(
            "headers", .list(.object(HTTPRouteShape.headerMatch), atMost: 16),
            "metadata it must all have"),
    ]

    private static let method: [Field] = [
        Field(
            "type", .choice(["Exact", "RegularExpression"]), fallback: "Exact",
            "how `service` and `method` are compared"),
        Field(
            "service", .text(.line),
            "the service with its package: `inference.GRPCInferenceService`"),
        Field("method", .text(.line), "the method of the service: `ModelInfer`"),
    ]
}
