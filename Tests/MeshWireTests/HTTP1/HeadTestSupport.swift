// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire

/// What a parser said about some bytes, in a form that can be compared and printed.
enum Verdict: Hashable, CustomStringConvertible {
    case accepted(String)
    case refused(Violation)
    case incomplete

    var violation: Violation? {
        if case .refused(let violation) = self { violation } else { nil }
    }

    var description: String {
        switch self {
        case .accepted(let summary): summary
        case .refused(let violation): "\(violation.code) \(violation.status) @\(violation.offset)"
        case .incomplete: "incomplete"
        }
    }
}

/// Latin-1 bytes of `text`, so that a test can write any byte as an escape.
func latin(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

/// Everything a caller can see of a request head.
func summary(_ head: RequestHead, _ bytes: [UInt8]) -> String {
    let span = bytes.span.bytes
    func cut(_ range: ByteRange) -> String { "<" + span.extracting(range.range).text + ">" }
    var text = "\(head.method) \(cut(head.methodRange)) \(cut(head.targetRange)) "
    text += "path=\(cut(head.pathRange)) query=\(head.hasQuery)\(cut(head.queryRange)) "
    text += "1.\(head.minorVersion) length=\(head.length) \(head.framing) "
    text += "keepAlive=\(head.keepAlive) expects=\(head.expectsContinue) "
    text += "host=\(cut(head.hostRange))\(cut(head.hostNameRange)) upgrade=\(head.upgrade) "
    text += "absolute=\(head.isAbsoluteForm)"
    for slot in head.fields {
        text += "\n\(slot.name) \(cut(slot.nameRange)) \(cut(slot.valueRange))"
    }
    return text
}

/// Everything a caller can see of a response head.
func summary(_ head: ResponseHead, _ bytes: [UInt8]) -> String {
    let span = bytes.span.bytes
    func cut(_ range: ByteRange) -> String { "<" + span.extracting(range.range).text + ">" }
    var text = "\(head.status) \(cut(head.reasonRange)) 1.\(head.minorVersion) "
    text += "length=\(head.length) \(head.framing) keepAlive=\(head.keepAlive) "
    text += "upgrade=\(head.upgrade)"
    for slot in head.fields {
        text += "\n\(slot.name) \(cut(slot.nameRange)) \(cut(slot.valueRange))"
    }
    return text
}

/// Shows `bytes` to one request head as a growing buffer of the sizes in `cuts`, then whole.
func judge(
    request bytes: [UInt8], cuts: [Int] = [], limits: HeadLimits = HeadLimits()
) -> Verdict {
    var head = RequestHead()
    for size in cuts + [bytes.count] {
        do {
            // A copy of exactly this size, so that a sanitizer sees every read behind it.
            let shown = Array(bytes[..<size])
            guard try head.parse(shown.span.bytes, limits: limits) else { continue }
            return .accepted(summary(head, bytes))
        } catch { return .refused(error) }
    }
    return .incomplete
}

/// Shows `bytes` to one response head as a growing buffer of the sizes in `cuts`, then whole.
func judge(
    response bytes: [UInt8], to method: HTTPMethod = .get, cuts: [Int] = [],
    limits: HeadLimits = HeadLimits()
) -> Verdict {
    var head = ResponseHead()
    for size in cuts + [bytes.count] {
        do {
            let shown = Array(bytes[..<size])
            if try head.parse(shown.span.bytes, requestMethod: method, limits: limits) {
                return .accepted(summary(head, bytes))
            }
        } catch { return .refused(error) }
    }
    return .incomplete
}

/// The head of a request that must be accepted.
func request(_ text: String, limits: HeadLimits = HeadLimits()) throws -> RequestHead {
    var head = RequestHead()
    let bytes = latin(text)
    guard try head.parse(bytes.span.bytes, limits: limits) else { throw Incomplete() }
    return head
}

/// The head of a response that must be accepted.
func response(_ text: String, to method: HTTPMethod = .get) throws -> ResponseHead {
    var head = ResponseHead()
    let bytes = latin(text)
    let limits = HeadLimits()
    guard try head.parse(bytes.span.bytes, requestMethod: method, limits: limits) else {
        throw Incomplete()
    }
    return head
}

struct Incomplete: Error {}

/// One of the public suites beside the repository, or nil (with a printed note) without it.
func suite(_ path: String, from file: String = #filePath) throws -> [String: Any]? {
    var root = URL(fileURLWithPath: file)
    let manager = FileManager.default
    // The file may be reached through a link, so the suites are looked for at every level.
    var candidates: [URL] = [root, root.resolvingSymlinksInPath()]
    while let next = candidates.popLast() {
        root = next
        while root.pathComponents.count > 1 {
            root.deleteLastPathComponent()
            let found = root.appendingPathComponent("shared/suites/" + path)
            guard manager.fileExists(atPath: found.path) else { continue }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/gzip")
            process.arguments = ["-dc", found.path]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return try JSONSerialization.jsonObject(with: data) as? [String: Any]
        }
    }
    print("skipped: no suites/\(path) beside the repository")
    return nil
}
