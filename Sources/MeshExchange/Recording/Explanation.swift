// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshRouting
package import MeshSnapshot
import MeshWire

/// One line of a decision tree, with what belongs under it.
///
/// ```
///  POST /v1/chat/completions
///  ├─ identify: listener default/mesh/http
///  ├─ route: rule 0 of route default/chat takes the request
///  │  └─ nearest miss: default/other rule 0, header x-team
///  └─ attempt 1: backend default/tiny-a, endpoint 127.0.0.1:9101
///     └─ candidate 127.0.0.1:9101: 0 in flight, latency 30.000 ms: picked
/// ```
package struct Explanation: Codable, Hashable, Sendable {
    /// What is said.
    package var text: String
    /// What belongs to it.
    package var children: [Explanation]

    /// A line with what belongs under it.
    package init(_ text: String, _ children: [Explanation] = []) {
        self.text = text
        self.children = children
    }

    /// How `recording` was decided under `snapshot`, the one it began with.
    package static func of(_ recording: ExchangeRecording, under snapshot: Snapshot?) -> Explanation
    {
        var lines: [Explanation] = []
        for event in recording.events {
            let after = Nanoseconds(Int64(clamping: event.after))
            if let line = opening(of: event, after: after) { lines.append(line) }
            lines += said(in: event, recording, under: snapshot)
        }
        if recording.events.first?.outcome.isDone == true, let snapshot,
            recording.refusalCode == "no-route"
        {
            lines.append(
                Explanation(
                    "route: nothing takes the request", verdicts(recording, under: snapshot)))
        }
        if let code = recording.refusalCode {
            lines.append(Explanation("refused: \(code); Docs/errors.md#\(code) says what to do"))
        }
        return Explanation(title(of: recording), lines)
    }

    /// What the stages said, each pick with the candidates it was made from.
    private static func said(
        in event: RecordedEvent, _ recording: ExchangeRecording, under snapshot: Snapshot?
    ) -> [Explanation] {
        var lines: [Explanation] = []
        var pools = event.pools
        for note in event.notes {
            var line = Explanation("\(note.stage.rawValue): \(note.text)")
            if note.stage == .admit, !lines.contains(where: { $0.text.hasPrefix("admit: ") }) {
                line.children = event.buckets.map { bucket in
                    Explanation(
                        "limit \(bucket.limit): \(bucket.needed) needed, \(bucket.level) of "
                            + "\(bucket.capacity) left on this event loop")
                }
            }
            if note.stage == .route, note.text.hasPrefix("rule "), let snapshot {
                line.children = verdicts(recording, under: snapshot)
            }
            let isAttempt = note.stage == .forward && note.text.hasPrefix("attempt ")
            if isAttempt || note.text.hasPrefix("every endpoint of ") {
                // The pick that this is about stands behind those that led nowhere.
                let at = pools.firstIndex {
                    note.text.contains(" \($0.backend)\(isAttempt ? "," : " ")")
                }
                if let at { line.children = candidates(pools.remove(at: at)) }
            }
            lines.append(line)
        }
        for pool in pools {
            lines.append(Explanation("candidates of \(pool.backend)", candidates(pool)))
        }
        return lines
    }

    /// The tree as text, a line each.
    package var rendered: String {
        var out = text + "\n"
        append(to: &out, indent: "")
        return out
    }

    private func append(to out: inout String, indent: String) {
        for (number, child) in children.enumerated() {
            let isLast = number == children.count - 1
            out += indent + (isLast ? "└─ " : "├─ ") + child.text + "\n"
            child.append(to: &out, indent: indent + (isLast ? "   " : "│  "))
        }
    }

    private static func title(of recording: ExchangeRecording) -> String {
        let line = recording.head.utf8.prefix {
            $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n")
        }
        let request = String(decoding: line, as: UTF8.self)
        let place = recording.port.isEmpty ? "" : " on \(recording.port)"
        return "\(request.isEmpty ? "(no request head)" : request)\(place), "
            + "request \(recording.callerID ?? recording.id), snapshot \(recording.snapshot)"
    }

    /// What the outside said, for events that are more than progress.
    private static func opening(of event: RecordedEvent, after: Nanoseconds) -> Explanation? {
        let time = "at \(after.milliseconds)"
        switch event.kind {
        case .begin, .bodyProgressed, .requestCompleted, .requestProgressed, .answerHead:
            return nil
        case .unread:
            return Explanation("\(time): what came was no request: \(event.refusal?.message ?? "")")
        case .body:
            return Explanation("\(time): the body was read whole, \(event.body?.length ?? 0) bytes")
        case .bodyFailed:
            return Explanation("\(time): the body failed: \(event.refusal?.message ?? "")")
        case .engine:
            let answer = event.engine
            return Explanation(
                "\(time): engine \(answer?.engine ?? "") \(answer?.text ?? "answered")",
                changes(answer))
        case .sent: return Explanation("\(time): the request went out")
        case .attemptFailed: return Explanation("\(time): the attempt failed: \(event.text ?? "")")
        case .timer: return Explanation("\(time): a time limit passed")
        case .clientGone: return Explanation("\(time): the caller left")
        case .cutOff: return Explanation("\(time): the process stopped")
        case .answerTrailers:
            return Explanation("\(time): the call ended with status \(event.bytes ?? 2)")
        case .answerEnded: return Explanation("\(time): the answer ended")
        case .keysSettled:
            return Explanation("\(time): the keys that were asked for are as good as they get")
        case .turnstileOpened:
            return Explanation(
                "\(time): the backend's turnstile "
                    + (event.text == "in" ? "let it in" : "turned it away"))
        case .answerBroke: return Explanation("\(time): the answer broke off")
        case .released: return Explanation("\(time): the answer showed itself to be one")
        case .paused: return Explanation("\(time): the caller read too slowly and was waited for")
        }
    }

    /// What an engine changes of the heads, by name: values are not kept.
    private static func changes(_ answer: RecordedAnswer?) -> [Explanation] {
        let edits =
            (answer?.request ?? []).map { ("to the backend", $0) }
            + (answer?.answer ?? []).map { ("to the caller", $0) }
        return edits.map { side, edit in Explanation("\(edit.kind) \(edit.name) \(side)") }
    }

    private static func candidates(_ pool: PoolPicture) -> [Explanation] {
        pool.endpoints.enumerated().map { number, endpoint in
            var words = ["\(endpoint.inFlight) in flight"]
            words.append("latency \(Nanoseconds(endpoint.latency).milliseconds)")
            if let tier = endpoint.tier {
                words.append(["in the proxy's zone", "in its region", "far"][min(max(tier, 0), 2)])
            }
            if endpoint.weight != 1 { words.append("weight \(endpoint.weight)") }
            let score = Nanoseconds(Int64(PoolPicture.cost(endpoint)))
            words.append("score \(score.milliseconds)")
            var verdict: String
            if number == pool.picked {
                verdict = "picked"
            } else if endpoint.isBarred == true {
                verdict = "excluded: no place for the data labels of this request"
            } else if endpoint.ejectedUntil != nil {
                verdict = "excluded: ejected for its failures"
            } else if !endpoint.isHealthy {
                verdict = "excluded: health checks fail"
            } else if endpoint.coolsUntil != nil {
                verdict = "excluded: it asked for a pause"
            } else if endpoint.isTrial == true {
                verdict = "excluded: another request finds out whether it works again"
            } else if endpoint.isTried {
                verdict = "passed over: tried before"
            } else if pool.drawn.contains(number) {
                verdict = "drawn, and the other one was preferred"
            } else {
                verdict = pool.drawn.isEmpty ? "not its turn" : "not drawn"
            }
            if number == pool.picked, endpoint.isTrial == false {
                verdict = "picked, to find out whether it works again"
            }
            let isOut = endpoint.ejectedUntil != nil || !endpoint.isHealthy
            if number == pool.picked, isOut { verdict = "picked although out: all are" }
            return Explanation(
                "candidate \(endpoint.authority): \(words.joined(separator: ", ")): \(verdict)")
        }
    }

    /// The entries that came nearest to taking the request and did not.
    private static func verdicts(
        _ recording: ExchangeRecording, under snapshot: Snapshot
    ) -> [Explanation] {
        let bytes = Latin1.bytes(recording.head)
        let span = unsafe bytes.span.bytes
        var head = RequestHead()
        let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: .max)
        guard (try? head.parse(span, limits: limits)) == true,
            let port = snapshot.ports.first(where: { recording.port.hasSuffix(":\($0.number)") }),
            let listener = port.listener(for: span.extracting(head.hostNameRange.range))
        else { return [] }
        let verdicts = port.listeners[listener].routes.verdicts(
            host: span.extracting(head.hostNameRange.range),
            path: span.extracting(head.pathRange.range),
            query: span.extracting(head.queryRange.range),
            method: span.extracting(head.methodRange.range), head: head, bytes: span,
            most: Limits.explainedMisses)
        return verdicts.map { verdict in
            let entry = verdict.entry
            let from = "\(entry.order.route) rule \(entry.order.rule) (\(entry.text))"
            guard let miss = verdict.miss else { return Explanation("match: \(from)") }
            return Explanation("no match: \(from): another \(miss.text)")
        }
    }
}

extension RouteEntry {
    /// What the entry wants of a request, in words.
    fileprivate var text: String {
        var words: [String] = []
        if let hostname { words.append("host \(hostname.text)") }
        switch path {
        case .exact(let path): words.append("path \(String(decoding: path, as: UTF8.self))")
        case .prefix(let path):
            let text = String(decoding: path, as: UTF8.self)
            words.append("path prefix \(text.isEmpty ? "/" : text)")
        case .pattern(let pattern): words.append("path matching \(pattern.text)")
        }
        if let method { words.append("method \(String(decoding: method, as: UTF8.self))") }
        for field in headers {
            words.append("header \(String(decoding: field.name, as: UTF8.self))")
        }
        for field in query {
            words.append("query parameter \(String(decoding: field.name, as: UTF8.self))")
        }
        return words.joined(separator: ", ")
    }
}

extension RouteVerdict.Miss {
    /// What was missing, in words.
    var text: String {
        switch self {
        case .hostname: "hostname"
        case .path: "path"
        case .method: "method"
        case .header(let name): "value of header \(name)"
        case .parameter(let name): "value of query parameter \(name)"
        }
    }
}
