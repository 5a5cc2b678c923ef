// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// The least that a proxy on SwiftNIO can do: the yardstick of `make bench-quick`. It stands in a
// package of its own so that the micro benchmarks need not build SwiftNIO.

let package = Package(
    name: "pinion-baseline",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0")
    ],
    targets: [
        .executableTarget(
            name: "baseline-proxy",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .unsafeFlags(
                    ["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
            ])
    ]
)
