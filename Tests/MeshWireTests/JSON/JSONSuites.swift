// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Test data made by others, read in place beside the repository.
enum JSONSuites {
    /// The decoded JSON object of `shared/suites/<path>`, or nil with a printed message.
    static func load(_ path: String) throws -> [String: Any]? {
        guard let data = data(path) else { return nil }
        return try JSONSerialization.jsonObject(with: data) as? [String: Any]
    }

    /// The unpacked bytes of `shared/suites/<path>`, or nil with a printed message.
    static func data(_ path: String) -> Data? {
        var root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let file = root.appendingPathComponent("../shared/suites/" + path).standardized
        guard FileManager.default.fileExists(atPath: file.path) else {
            print("skipped: no test data at ../shared/suites/\(path)")
            return nil
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        do {
            try process.run()
            let data = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return data
        } catch {
            print("skipped: ../shared/suites/\(path): \(error)")
            return nil
        }
    }

    /// The bytes that `text` spells in base64.
    static func bytes(_ text: Any?) -> [UInt8] {
        guard let text = text as? String, let data = Data(base64Encoded: text) else { return [] }
        return [UInt8](data)
    }
}
