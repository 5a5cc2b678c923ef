// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Test data made by others, read in place beside the repository.
enum Vectors {
    /// The decoded JSON object of `shared/suites/jose/<name>.json.gz`, or nil with a message.
    static func load(_ name: String) throws -> [String: Any]? {
        var root = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { root.deleteLastPathComponent() }
        let file = root.appending(path: "../shared/suites/jose/\(name).json.gz").standardized
        guard FileManager.default.fileExists(atPath: file.path) else {
            print("skipped: no test data at ../shared/suites/jose/\(name).json.gz")
            return nil
        }
        let process = Process()
        process.executableURL = URL(filePath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONSerialization.jsonObject(with: data) as? [String: Any]
    }

    /// `object` as bytes of JSON.
    static func bytes(_ object: Any) throws -> [UInt8] {
        Array(try JSONSerialization.data(withJSONObject: object))
    }
}
