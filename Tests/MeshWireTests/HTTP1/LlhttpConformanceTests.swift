// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

/// How a run over the bytes of one connection ended.
private struct Outcome {
    var messages = 0
    /// A violation, or bytes behind a message that ends the connection.
    var isRefused = false
    /// The last message hands the connection over to another protocol.
    var isHandedOver = false
    var reason = ""
}

/// Reads message after message, as the proxy does.
private struct Connection {
    var bytes: [UInt8]
    var isResponse: Bool
    var skipsBody: Bool
    private let limits = HeadLimits()

    init(_ bytes: [UInt8], isResponse: Bool, skipsBody: Bool) {
        self.bytes = bytes
        self.isResponse = isResponse
        self.skipsBody = skipsBody
    }

    mutating func run() -> Outcome {
        var outcome = Outcome()
        var mayContinue = true
        while !bytes.isEmpty {
            guard mayContinue else {
                outcome.isRefused = true
                outcome.reason = "data behind the last message"
                return outcome
            }
            do throws(Violation) {
                guard let head = try readHead() else {
                    outcome.reason = "incomplete head"
                    return outcome
                }
                bytes.removeFirst(head.length)
                mayContinue = head.keepAlive
                if head.isHandedOver {
                    outcome.messages += 1
                    outcome.isHandedOver = true
                    return outcome
                }
                guard try readBody(skipsBody ? .none : head.framing) else {
                    outcome.reason = "incomplete body"
                    return outcome
                }
                outcome.messages += 1
            } catch {
                outcome.isRefused = true
                outcome.reason = "\(error.code)"
                return outcome
            }
        }
        return outcome
    }

    private struct Head {
        var length: Int
        var framing: BodyFraming
        var keepAlive: Bool
        var isHandedOver: Bool
    }

    private mutating func readHead() throws(Violation) -> Head? {
        if isResponse {
            var head = ResponseHead()
            guard try head.parse(bytes.span.bytes, requestMethod: .get, limits: limits) else {
                return nil
            }
            return Head(
                length: head.length, framing: head.framing,
                keepAlive: head.keepAlive || head.framing == .untilClose,
                isHandedOver: head.status == 101)
        }
        var head = RequestHead()
        do throws(Violation) {
            guard try head.parse(bytes.span.bytes, limits: limits) else { return nil }
        } catch {
            // llhttp leaves Host to its user, so most of its requests have none.
            let line = bytes.dropFirst(2)
            guard error.code == .missingHost, let end = line.firstIndex(of: 10) else {
                throw error
            }
            bytes.insert(contentsOf: latin("Host: a\r\n"), at: end + 1)
            guard try head.parse(bytes.span.bytes, limits: limits) else { return nil }
        }
        return Head(
            length: head.length, framing: head.framing, keepAlive: head.keepAlive,
            isHandedOver: head.upgrade || head.method == .connect)
    }

    private mutating func readBody(_ framing: BodyFraming) throws(Violation) -> Bool {
        var reader = BodyReader(framing, limits: limits)
        var offset = 0
        while case .payload = try reader.next(bytes.span.bytes, at: &offset) {}
        bytes.removeFirst(offset)
        return reader.isComplete
    }
}

/// Cases in which we differ from llhttp, with the reason. Each is a refusal of what llhttp lets
/// pass; none is an acceptance of what it refuses.
private let differences: [String: String] = [
    "request/connection.md#158": "only one empty line before a request line is skipped",
    "request/method.md#137": "asterisk-form belongs to OPTIONS alone",
    "request/method.md#374": "ICE is another protocol",
    "request/method.md#404": "RTSP is another protocol",
    "request/method.md#432": "RTSP is another protocol",
    "request/sample.md#316": "HTTP/0.9 is not spoken",
    "request/transfer-encoding.md#753": "codings beside chunked are not implemented (501)",
    "request/transfer-encoding.md#795": "codings beside chunked are not implemented",
    "response/connection.md#494": "an empty line before a status line is not skipped",
    "response/connection.md#588": "an empty line before a status line is not skipped",
    "response/pipelining.md#6": "an empty line before a status line is not skipped",
    "response/sample.md#42": "RTSP is another protocol",
    "response/sample.md#62": "ICE is another protocol",
    "response/sample.md#647": "HTTP/0.9 is not spoken",
    "response/transfer-encoding.md#45": "chunked must be the only coding",
    "response/transfer-encoding.md#76": "chunked must be the only coding",
    "url.md#5": "a fragment is no part of a request target",
    "url.md#19": "a fragment is no part of a request target",
    "url.md#155": "a fragment is no part of a request target",
    "url.md#169": "user information and fragments are no part of a request target",
    "url.md#195": "user information is no part of a request target",
    "url.md#207": "user information is no part of a request target",
    "url.md#219": "a zone identifier means nothing to another host",
    "url.md#231": "a zone identifier means nothing to another host",
]

@Suite struct LlhttpConformanceTests {
    @Test("llhttp's strict cases are read as llhttp reads them, or more strictly")
    func strictCases() throws {
        guard let data = try suite("http1/llhttp.json.gz") else { return }
        let cases = try #require(data["cases"] as? [[String: Any]])
        var total = 0
        var agreed = 0
        for entry in cases {
            let type = try #require(entry["type"] as? String)
            // Lenient modes exist in order to accept what must be refused here.
            guard !type.contains("lenient") else { continue }
            total += 1
            let id = try #require(entry["id"] as? String).replacing("test/", with: "")
            guard let difference = try difference(entry, type) else {
                agreed += 1
                continue
            }
            if differences[id] == nil { print("llhttp \(id): \(difference)") }
            #expect(differences[id] != nil, "\(id): \(difference)")
            #expect(difference.hasPrefix("refused"), "\(id): \(difference)")
        }
        print("llhttp: \(agreed) of \(total)")
        #expect(agreed >= total - differences.count)
    }

    /// How we differ on one case, or nil.
    private func difference(_ entry: [String: Any], _ type: String) throws -> String? {
        let payload = try #require(entry["payload_b64"] as? String)
        var bytes = Array(try #require(Data(base64Encoded: payload)))
        let error = entry["expect_error"] as? [String: Any]
        let messages = try #require(entry["messages"] as? Int)
        let meta = entry["meta"] as? [String: Any]
        let isURL = type == "url" && !bytes.contains(13)
        if isURL { bytes = latin("GET ") + bytes + latin(" HTTP/1.1\r\nHost: a\r\n\r\n") }
        let isResponse = type.hasPrefix("response")
        let skipsBody = meta?["skipBody"] as? Bool == true
        var connection = Connection(bytes, isResponse: isResponse, skipsBody: skipsBody)
        var outcome = connection.run()
        let code = error?["code"] as? Int
        if code != nil, code != 22, !outcome.isRefused {
            // Some cases stop in the middle of a bad line, which we judge when it is whole.
            connection = Connection(
                bytes + latin("\r\n\r\n"), isResponse: isResponse, skipsBody: skipsBody)
            outcome = connection.run()
        }
        switch code {
        case nil where outcome.isRefused: return "refused: \(outcome.reason)"
        case nil where outcome.messages != (isURL ? 1 : messages):
            return "\(outcome.messages) messages, not \(messages)"
        case 22 where !outcome.isHandedOver: return "not handed over: \(outcome.reason)"
        case .some(let code) where code != 22 && !outcome.isRefused:
            return "accepted in spite of \(error?["reason"] ?? "")"
        default: return nil
        }
    }
}
