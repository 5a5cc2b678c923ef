// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// The rooms under Sources/ are links to the project's own: their declarations have package
// access, so what measures them must be of one package with them. Only what identities need is
// fetched; all of it builds in about three minutes.

/// The settings of the rooms, as in the project's own package.
let room: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .unsafeFlags(
        ["-enforce-exclusivity=unchecked", "-cross-module-optimization"],
        .when(configuration: .release)),
]

let rooms: [(String, [Target.Dependency])] = [
    ("MeshBasics", []),
    ("MeshWire", ["MeshBasics"]),
    ("MeshPolicy", ["MeshBasics", "MeshWire"]),
    (
        "MeshIdentity",
        [
            "MeshBasics", "MeshWire", .product(name: "Crypto", package: "swift-crypto"),
            .product(name: "CryptoExtras", package: "swift-crypto"),
            .product(name: "X509", package: "swift-certificates"),
        ]
    ),
    ("MeshTelemetry", ["MeshBasics"]),
    ("MeshSnapshot", ["MeshBasics", "MeshWire", "MeshPolicy", "MeshIdentity"]),
    ("MeshRouting", ["MeshBasics", "MeshWire", "MeshSnapshot"]),
    ("MeshLimits", ["MeshBasics", "MeshSnapshot"]),
    ("MeshDialects", ["MeshBasics", "MeshWire"]),
    ("MeshEngines", ["MeshBasics", "MeshWire", "MeshPolicy", "MeshSnapshot"]),
    (
        "MeshExchange",
        [
            "MeshBasics", "MeshWire", "MeshPolicy", "MeshIdentity", "MeshTelemetry",
            "MeshSnapshot", "MeshRouting", "MeshLimits", "MeshDialects", "MeshEngines",
        ]
    ),
]

let package = Package(
    name: "pinion-benchmarks",
    products: [
        .executable(name: "micro", targets: ["micro"]),
        .executable(name: "load-generator", targets: ["LoadGenerator"]),
        .executable(name: "mock-upstream", targets: ["MockUpstream"]),
        // Preloaded into a proxy, it counts the allocations of that proxy.
        .library(name: "CountingAllocator", type: .dynamic, targets: ["CountingAllocator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    ],
    targets: rooms.map { .target(name: $0.0, dependencies: $0.1, swiftSettings: room) } + [
        .target(name: "CountingAllocator", cSettings: [.unsafeFlags(["-fno-builtin"])]),
        .executableTarget(
            name: "micro", dependencies: ["CountingAllocator"] + rooms.map { .byName(name: $0.0) },
            swiftSettings: room),
        .executableTarget(name: "LoadGenerator"),
        .executableTarget(name: "MockUpstream"),
    ]
)
