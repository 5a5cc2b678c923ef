// SPDX-License-Identifier: Apache-2.0

/// A target of `Sources/` and what it may import.
struct Room: Sendable {
    /// The target.
    var name: String
    /// How far it is from the pure core: imports only point to lower rings.
    var ring: Int
    /// The rooms of ours that it may import.
    var rooms: [String]
    /// The modules of others that it may import; the standard library needs no import.
    var modules: [String] = []

    /// Whether it decides and never does: no clock, no chance, no input or output of its own.
    var isPure: Bool { ring <= 4 || name == "MeshSimulator" }

    private static let basics = ["MeshBasics"]
    private static let rings01 =
        basics + ["MeshWire", "MeshIdentity", "MeshPolicy", "MeshTelemetry"]
    private static let rings02 = rings01 + ["MeshModel", "MeshSnapshot"]
    private static let routing = rings01 + ["MeshSnapshot"]
    private static let rings03 =
        rings02 + ["MeshCompiler", "MeshRouting", "MeshLimits", "MeshDialects", "MeshEngines"]
    private static let rings04 = rings03 + ["MeshExchange"]
    private static let nio = ["NIOCore", "NIOPosix"]

    /// The import table of ARCHITECTURE.md. Rooms that do not exist yet are not missed.
    static let all: [Room] = [
        Room(
            name: "MeshBasics", ring: 0, rooms: [],
            modules: ["Collections", "DequeModule", "OrderedCollections"]),
        Room(name: "MeshWire", ring: 1, rooms: basics),
        Room(
            name: "MeshIdentity", ring: 1, rooms: basics + ["MeshWire"],
            modules: ["Crypto", "CryptoExtras", "SwiftASN1", "X509", "Foundation"]),
        Room(name: "MeshPolicy", ring: 1, rooms: basics + ["MeshWire"]),
        Room(name: "MeshTelemetry", ring: 1, rooms: basics),
        Room(name: "MeshModel", ring: 2, rooms: rings01, modules: ["Yams", "Foundation"]),
        Room(name: "MeshSnapshot", ring: 2, rooms: rings01),
        Room(name: "MeshCompiler", ring: 3, rooms: rings02),
        Room(name: "MeshRouting", ring: 3, rooms: routing),
        Room(name: "MeshLimits", ring: 3, rooms: routing),
        Room(name: "MeshDialects", ring: 3, rooms: basics + ["MeshWire"]),
        Room(name: "MeshEngines", ring: 3, rooms: routing),
        Room(name: "MeshRollout", ring: 3, rooms: routing),
        Room(name: "MeshExchange", ring: 4, rooms: rings03),
        Room(
            name: "MeshProxy", ring: 5, rooms: rings04,
            modules: [
                "NIOCore", "NIOSSL", "NIOConcurrencyHelpers", "NIOTLS", "NIOHTTP2", "NIOHPACK",
                "CLinux", "Dispatch", "Synchronization", "Glibc",
            ]),
        Room(
            name: "MeshControl", ring: 5, rooms: rings04 + ["MeshProxy", "MeshRollout"],
            modules: nio + [
                "Foundation", "Dispatch", "Glibc", "Synchronization", "NIOHTTP1", "NIOSSL",
            ]),
        Room(
            name: "MeshGRPC", ring: 5, rooms: rings04 + ["MeshProxy"],
            modules: [
                "GRPCCore", "GRPCNIOTransportCore", "GRPCNIOTransportHTTP2Posix", "NIOCore",
                "NIOSSL", "SwiftProtobuf", "Synchronization",
            ]),
        Room(
            name: "MeshAdmin", ring: 5, rooms: rings03,
            modules: nio + ["NIOHTTP1", "Glibc", "Synchronization"]),
        Room(name: "MeshSimulator", ring: 5, rooms: rings04 + ["MeshRollout"]),
        Room(
            name: "MeshModelServer", ring: 5, rooms: basics + ["MeshSimulator"],
            modules: nio + ["NIOHTTP1", "Foundation", "Glibc"]),
        Room(
            name: "pinion-proxy", ring: 6, rooms: rings04 + ["MeshProxy"],
            modules: ["ArgumentParser", "Foundation"]),
        Room(
            name: "pinion", ring: 6,
            rooms: rings04 + [
                "MeshProxy", "MeshControl", "MeshAdmin", "MeshGRPC", "MeshSimulator",
                "MeshModelServer", "MeshRollout",
            ],
            modules: nio + ["ArgumentParser", "Foundation", "Dispatch", "Glibc"]),
    ]

    /// The room called `name`, or nil.
    static func named(_ name: String) -> Room? { all.first { $0.name == name } }
}
