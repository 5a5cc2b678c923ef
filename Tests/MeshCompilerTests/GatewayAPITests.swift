// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCompiler
import MeshModel
import Testing

/// The manifests of the Gateway API's conformance tests. They lead to Services, which exist only
/// in Kubernetes, so that diagnostics are expected, but no others than those.
@Suite struct GatewayAPITests {
    private static let archive = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "../shared/suites/gateway-api/conformance_manifests.tar.gz")

    /// The manifests, by their path in the archive.
    private static func manifests() throws -> [SourceFile] {
        guard FileManager.default.fileExists(atPath: archive.path) else {
            print("skipped: there is no \(archive.path)")
            return []
        }
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gateway-api-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let tar = Process()
        tar.executableURL = URL(filePath: "/bin/tar")
        tar.arguments = ["-xzf", archive.path, "-C", folder.path]
        try tar.run()
        tar.waitUntilExit()
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        return try paths.filter { $0.hasSuffix(".yaml") }.map { path in
            let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
            return SourceFile(path: path, text: text)
        }
    }

    @Test("every manifest parses, and what is reported is what we do not offer") func parses()
        throws
    {
        let files = try Self.manifests()
        guard !files.isEmpty else { return }
        var routes = 0
        var clean = 0
        for file in files {
            let text = file.text.replacing("{GATEWAY_CLASS_NAME}", with: "pinion")
            let (resources, found) = parse([SourceFile(path: file.path, text: text)])
            routes += resources.routes.count
            _ = Compiler.compile(resources, resolved: .init(), version: 1)
            let unexpected = found.filter { diagnostic in
                !diagnostic.message.contains("is not supported")
                    && !diagnostic.message.contains("unknown kind")
                    && !diagnostic.message.contains("unknown version")
                    && !diagnostic.message.contains("is of class")
            }
            if found.isEmpty { clean += 1 }
            #expect(unexpected.isEmpty || Self.isMeantToBeWrong(file.path), "\(unexpected)")
        }
        print("gateway-api: \(files.count) files, \(routes) HTTPRoutes, \(clean) files clean")
        #expect(routes >= 150)
    }

    /// Manifests that test what becomes of invalid Gateways, or that leave the address to the
    /// implementation.
    private static func isMeantToBeWrong(_ path: String) -> Bool {
        [
            "gateway-invalid-listeners-unsupported-protocol.yaml",
            "gateway-invalid-route-kind.yaml", "gateway-invalid-tls-configuration.yaml",
            "gateway-with-invalid-clientcertificate-validation.yaml",
            "gateway-optional-address-value.yaml",
            "gateway-static-addresses.yaml",
        ].contains { path.hasSuffix($0) }
    }
}
