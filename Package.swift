// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// The settings every target is built with.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // Exclusive access is checked in debug builds, which all tests run; in release the checks
    // cost 3 % of a request. Small leaf functions are inlined across rooms.
    .unsafeFlags(
        ["-enforce-exclusivity=unchecked", "-cross-module-optimization"],
        .when(configuration: .release)),
]

/// Rings 0-4 also say where they leave memory safety.
let pure: [SwiftSetting] = strict + [.strictMemorySafety()]

/// A library target of ours, with its test target when `tested`, which also needs `testing`.
func room(
    _ name: String, ring: Int, _ dependencies: [Target.Dependency] = [], tested: Bool = true,
    testing: [Target.Dependency] = [], exclude: [String] = []
) -> [Target] {
    let settings = ring <= 4 ? pure : strict
    var targets: [Target] = [
        .target(
            name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
    ]
    if tested {
        targets.append(
            .testTarget(
                name: name + "Tests",
                dependencies: [.byName(name: name)] + dependencies + testing,
                exclude: name == "MeshCompiler" ? ["Golden"] : [],
                swiftSettings: strict))
    }
    return targets
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nio: [Target.Dependency] = [nioCore, .product(name: "NIOPosix", package: "swift-nio")]
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP2: [Target.Dependency] = [
    .product(name: "NIOHTTP2", package: "swift-nio-http2"),
    .product(name: "NIOHPACK", package: "swift-nio-http2"),
]
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioLocks: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let grpc: [Target.Dependency] = [
    .product(name: "GRPCCore", package: "grpc-swift-2"),
    .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
    .product(name: "SwiftProtobuf", package: "swift-protobuf"),
]
let crypto: [Target.Dependency] = [
    .product(name: "Crypto", package: "swift-crypto"),
    .product(name: "CryptoExtras", package: "swift-crypto"),
]
let x509: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
]
let arguments: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "pinion",
    products: [.executable(name: "pinion", targets: ["pinion"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.0"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    ],
    targets: [
        // Ring 0-1: what bytes, times and names mean.
        room("MeshBasics", ring: 0),
        room("MeshWire", ring: 1, ["MeshBasics"]),
        room("MeshPolicy", ring: 1, ["MeshBasics", "MeshWire"]),
        room("MeshIdentity", ring: 1, ["MeshBasics", "MeshWire"] + crypto + x509),
        room("MeshTelemetry", ring: 1, ["MeshBasics"]),
        // Ring 2: what was written, and what a proxy needs.
        room("MeshModel", ring: 2, ["MeshBasics", yams]),
        room(
            "MeshSnapshot", ring: 2,
            ["MeshBasics", "MeshWire", "MeshPolicy", "MeshIdentity"]),
        // Ring 3: decisions.
        room(
            "MeshCompiler", ring: 3,
            [
                "MeshBasics", "MeshWire", "MeshPolicy", "MeshIdentity", "MeshModel",
                "MeshSnapshot",
            ]),
        room("MeshRouting", ring: 3, ["MeshBasics", "MeshWire", "MeshSnapshot"]),
        room("MeshLimits", ring: 3, ["MeshBasics", "MeshSnapshot"]),
        room("MeshDialects", ring: 3, ["MeshBasics", "MeshWire"]),
        room("MeshEngines", ring: 3, ["MeshBasics", "MeshWire", "MeshPolicy", "MeshSnapshot"]),
        room("MeshRollout", ring: 3, ["MeshBasics", "MeshTelemetry", "MeshSnapshot"]),
        // Ring 4: one request.
        room(
            "MeshExchange", ring: 4,
            [
                "MeshBasics", "MeshWire", "MeshPolicy", "MeshIdentity", "MeshTelemetry",
                "MeshSnapshot", "MeshRouting", "MeshLimits", "MeshDialects", "MeshEngines",
            ], testing: crypto),
        // Ring 5: worlds.
        // The simulator decides and never does, so it is built as the rings below are.
        room(
            "MeshSimulator", ring: 4,
            [
                "MeshBasics", "MeshWire", "MeshTelemetry", "MeshModel", "MeshSnapshot",
                "MeshCompiler", "MeshRouting", "MeshDialects", "MeshEngines", "MeshRollout",
                "MeshExchange",
            ]),
        room(
            "MeshModelServer", ring: 5, ["MeshBasics", "MeshSimulator", nioHTTP1] + nio),
        [.systemLibrary(name: "CLinux")],
        room(
            "MeshProxy", ring: 5,
            [
                "CLinux", "MeshBasics", "MeshWire", "MeshIdentity", "MeshTelemetry",
                "MeshSnapshot", "MeshRouting", "MeshLimits", "MeshDialects", "MeshEngines",
                "MeshExchange",
                nioCore, nioSSL, nioTLS, nioLocks,
            ] + nioHTTP2),
        room(
            "MeshGRPC", ring: 5,
            ["MeshBasics", "MeshEngines", "MeshProxy", "MeshSnapshot", nioCore, nioSSL] + grpc,
            testing: [.product(name: "NIOEmbedded", package: "swift-nio")],
            exclude: ["Protos"]),
        room("MeshAdmin", ring: 5, ["MeshBasics", "MeshIdentity", nioHTTP1] + nio),
        room(
            "MeshControl", ring: 5,
            [
                "MeshBasics", "MeshWire", "MeshIdentity", "MeshModel", "MeshSnapshot",
                "MeshCompiler", "MeshRollout", "MeshExchange", "MeshProxy", nioHTTP1, nioSSL,
            ] + nio),
        // Ring 6: the command.
        [
            .executableTarget(
                name: "pinion",
                dependencies: [
                    "MeshBasics", "MeshPolicy", "MeshIdentity", "MeshTelemetry", "MeshModel",
                    "MeshSnapshot", "MeshCompiler", "MeshRouting", "MeshLimits", "MeshExchange",
                    "MeshProxy", "MeshAdmin", "MeshControl", "MeshGRPC", "MeshModelServer",
                    "MeshSimulator", "MeshRollout",
                    arguments,
                ] + nio,
                swiftSettings: strict),
            .testTarget(name: "Tidy", path: "Tests/Tidy", swiftSettings: strict),
            // The simulator's scenarios: played by tests for a few seeds, by `make sim` for many.
            .target(
                name: "Scenarios",
                dependencies: [
                    "MeshBasics", "MeshModel", "MeshSnapshot", "MeshCompiler", "MeshRollout",
                    "MeshSimulator",
                ], path: "Tests/Scenarios", swiftSettings: strict),
            .testTarget(
                name: "ScenarioTests", dependencies: ["MeshBasics", "MeshSimulator", "Scenarios"],
                path: "Tests/ScenarioTests", swiftSettings: strict),
            .executableTarget(
                name: "scenarios", dependencies: ["MeshBasics", "MeshSimulator", "Scenarios"],
                path: "Tests/ScenarioRunner", swiftSettings: strict),
        ],
    ].flatMap { $0 }
)
