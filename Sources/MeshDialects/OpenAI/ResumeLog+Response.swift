// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// Answers of the Responses API: events are numbered, each names its item and its place, and the
/// last one repeats all that was said.
extension ResumeLog {
    /// What becomes of an event of the present server.
    private enum Fate {
        /// It is given out, with edits where an earlier server began the answer.
        case gives
        /// The caller has heard it before.
        case drops
        /// It contradicts what the caller was given.
        case diverges
    }

    /// Takes one event of the answer.
    func takeResponse(
        _ event: RawSpan, _ data: RawSpan, into out: inout [UInt8]
    ) -> Verdict {
        guard let read = ResponseEvent(data) else {
            // Without a type it belongs to no response: it passes, and nobody can go on.
            obstruct(.otherContent)
            return isSpliced ? .replaced : .pass
        }
        if read.kind == .report { return .pass }
        if read.kind == .textDelta || read.kind == .call { present.said += 1 }
        if read.kind == .itemAdded, held.isEmpty, obstacle == nil { keepSafeBeforeCall(read, data) }
        var edits = BodyEdits()
        switch fate(of: read, data, &edits) {
        case .gives: break
        case .drops where isSpliced: return .replaced
        case .diverges where isSpliced:
            obstruct(.diverged)
            return .diverged
        case .drops, .diverges: obstruct(.otherContent)
        }
        if draft.bytes > bytesMax { obstruct(.tooLong) }
        guard isSpliced else { return passResponse(read, event, into: &out) }
        name(read, data, in: &edits)
        draft.number += 1
        var written: [UInt8] = []
        written.append("event: ")
        written.append(data.extracting(read.type.range))
        written.append("\n")
        write(data, edits, to: &written)
        if holds(draft.openCalls > 0, written.count, into: &out) {
            held.append(contentsOf: written)
        } else {
            out.append(contentsOf: written)
        }
        return .replaced
    }

    /// An event of the first server passes as it is.
    private func passResponse(
        _ read: ResponseEvent, _ event: RawSpan, into out: inout [UInt8]
    ) -> Verdict {
        // Who numbers its events also says their places, though not of the first ones.
        if read.number != nil { draft.isNumbered = true }
        if read.number != nil || read.outputIndex != nil { draft.hasPlaces = true }
        draft.number = (read.number ?? draft.number) + 1
        let before = out.count
        if holds(draft.openCalls > 0, event.byteCount, into: &out) {
            held.append(event)
            return .replaced
        }
        return out.count > before ? .preceded : .pass
    }

    private func keepSafeBeforeCall(_ read: ResponseEvent, _ data: RawSpan) {
        guard let item = read.item(data), ResponseDraft.kind(item, data) == .call else { return }
        keepSafe()
    }

    /// Notes what an event says, and what becomes of it.
    private func fate(
        of read: ResponseEvent, _ data: RawSpan, _ edits: inout BodyEdits
    ) -> Fate {
        switch read.kind {
        case .opening:
            draft.keepIdentity(read, data)
            return isSpliced ? .drops : .gives
        case .itemAdded: return begins(read, data)
        case .ended: return ends(read, data, &edits)
        case .report: return .gives
        case .other:
            obstruct(.otherContent)
            return .gives
        case .partAdded, .textDelta, .textDone, .partDone, .itemDone, .call: break
        }
        let id = read.kind == .itemDone ? read.item(data)?.value("id", in: data) : read.itemID
        guard let place = draft.place(of: read, id: id, data), place < draft.items.count else {
            return .diverges
        }
        if let id, !draft.items[place].id.isEmpty, read.kind != .itemDone {
            edits.insert(id, draft.items[place].id)
        }
        switch read.kind {
        case .partAdded:
            let isNew = draft.part(of: read, at: place).isNew
            return isNew ? .gives : .drops
        case .textDelta: return says(read, data, at: place, &edits)
        case .textDone: return tells(.text, read, read.object, data, at: place, &edits)
        case .partDone:
            guard let part = read.part(data) else { return .diverges }
            return tells(.whole, read, part, data, at: place, &edits)
        case .itemDone: return completes(read, data, at: place, &edits)
        case .call: return draft.items[place].settled == nil ? .gives : .drops
        case .opening, .itemAdded, .ended, .report, .other: return .gives
        }
    }

    /// An item of the output begins.
    private func begins(_ read: ResponseEvent, _ data: RawSpan) -> Fate {
        guard let item = read.item(data) else { return .diverges }
        let kind = ResponseDraft.kind(item, data)
        let place = draft.begin(read, item, data)
        if place < draft.items.count {
            return draft.items[place].kind == kind ? .drops : .diverges
        }
        // What follows an item that was given comes after all of it.
        guard place == draft.items.count else { return .diverges }
        let id = item.value("id", in: data).map { data.extracting($0.range).array } ?? []
        draft.items.append(ResponseDraft.Item(id: id, kind: kind))
        if kind == .call { draft.openCalls += 1 }
        if kind == .other { obstruct(.otherContent) }
        return .gives
    }

    /// More of the text of a part.
    private func says(
        _ read: ResponseEvent, _ data: RawSpan, at place: Int, _ edits: inout BodyEdits
    ) -> Fate {
        guard let range = read.object.contents("delta", in: data) else { return .diverges }
        let at = draft.part(of: read, at: place).at
        var said: [UInt8]? = data.extracting(range.range).array
        let before = draft.items[place].parts[at].seen
        var seen = before
        guard SaidText.leaveOut(&said, draft.items[place].parts[at].expected, at: &seen) else {
            return .diverges
        }
        draft.items[place].parts[at].seen = seen
        let text = said ?? []
        if text.isEmpty { return isSpliced ? .drops : .gives }
        // Behind the end of a text there can be no more of it.
        guard draft.items[place].parts[at].told == .begun else { return .diverges }
        let list = read.object.value("logprobs", in: data)
        if isSpliced, seen > before {
            edits.insert(range, text)
            if let list {
                guard let gone = TokenProbabilities(data, list)?.leavingOut(seen - before) else {
                    return .diverges
                }
                for range in gone { edits.insert(range, []) }
            }
        }
        draft.items[place].parts[at].fresh += isSpliced ? SaidText.decoded(text).count : 0
        guard obstacle == nil else { return .gives }
        tokens += 1
        draft.items[place].parts[at].text.append(contentsOf: text)
        if let list {
            Self.keep(list, data, edits, in: &draft.items[place].parts[at].probabilities)
        }
        return .gives
    }

    /// Keeps the elements of the list in `range` as they are given out.
    private static func keep(
        _ range: ByteRange, _ data: RawSpan, _ edits: BodyEdits, in kept: inout [UInt8]
    ) {
        guard JSONObject.elements(of: range, in: data)?.isEmpty == false else { return }
        let inner = ByteRange(range.start + 1, range.end - 1)
        if !kept.isEmpty { kept.append(UInt8(ascii: ",")) }
        edits.append(data, in: inner, to: &kept)
    }

    /// All of a text, or of a part, is told: of what an earlier server said too.
    private func tells(
        _ told: ResponseDraft.Told, _ read: ResponseEvent, _ holder: JSONObject,
        _ data: RawSpan, at place: Int, _ edits: inout BodyEdits
    ) -> Fate {
        let at = draft.part(of: read, at: place).at
        guard draft.items[place].parts[at].isCaughtUp else { return .diverges }
        guard draft.items[place].parts[at].told < told else { return .drops }
        draft.items[place].parts[at].told = told
        if isSpliced { complete(holder, draft.items[place].parts[at], data, &edits) }
        return .gives
    }

    /// Puts in front of the text in `holder` what the server was told of it, unless it repeats
    /// that.
    private func complete(
        _ holder: JSONObject, _ part: ResponseDraft.Part, _ data: RawSpan,
        _ edits: inout BodyEdits
    ) {
        guard !part.base.isEmpty, let text = ResponseEvent.text(holder, data) else { return }
        let count = SaidText.decoded(data.extracting(text.range).array).count
        if count == part.fresh { edits.insert(ByteRange(text.start, text.start), part.base) }
        guard !part.baseProbabilities.isEmpty,
            let list = holder.value("logprobs", in: data),
            let known = JSONObject.elements(of: list, in: data)
        else { return }
        let comma: [UInt8] = known.isEmpty ? [] : [UInt8(ascii: ",")]
        edits.insert(
            ByteRange(list.start + 1, list.start + 1), part.baseProbabilities + comma)
    }

    /// All of an item is told.
    private func completes(
        _ read: ResponseEvent, _ data: RawSpan, at place: Int, _ edits: inout BodyEdits
    ) -> Fate {
        guard let item = read.item(data), draft.isCaughtUp(at: place) else { return .diverges }
        if let settled = draft.items[place].settled {
            guard draft.items[place].kind == .call else { return .drops }
            return isSameCall(item, data, settled) ? .drops : .diverges
        }
        if draft.items[place].whole == nil, draft.items[place].kind == .call {
            draft.openCalls -= 1
        }
        if isSpliced { complete(item, at: place, data, &edits) }
        guard obstacle == nil else { return .gives }
        var whole: [UInt8] = []
        edits.append(data, in: item.range, to: &whole)
        draft.items[place].whole = whole
        return .gives
    }

    /// Gives the item in `item` the id that the caller knows, and its text all that was said.
    private func complete(
        _ item: JSONObject, at place: Int, _ data: RawSpan, _ edits: inout BodyEdits
    ) {
        if let id = item.value("id", in: data), !draft.items[place].id.isEmpty {
            edits.insert(id, draft.items[place].id)
        }
        for (index, range) in (item.elements("content", in: data) ?? []).enumerated() {
            guard let holder = try? JSONObject(data, at: range.start),
                let part = draft.items[place].parts.first(where: {
                    !$0.isSummary && $0.index == index
                })
            else { continue }
            complete(holder, part, data, &edits)
        }
    }

    /// Whether a call is the one that the caller was given.
    private func isSameCall(_ item: JSONObject, _ data: RawSpan, _ given: [UInt8]) -> Bool {
        let span = unsafe given.span.bytes
        guard let known = try? JSONObject(span) else { return false }
        for name: StaticString in ["name", "arguments", "input"] {
            let mine = known.contents(name, in: span).map { span.extracting($0.range).array }
            let other = item.contents(name, in: data).map { data.extracting($0.range).array }
            guard mine.map(SaidText.decoded) == other.map(SaidText.decoded) else { return false }
        }
        return true
    }

    /// The response has ended.
    private func ends(
        _ read: ResponseEvent, _ data: RawSpan, _ edits: inout BodyEdits
    ) -> Fate {
        draft.openCalls = 0
        draft.isFinished = true
        guard isSpliced else { return .gives }
        guard let response = read.object.object("response", in: data),
            draft.hasAllItems,
            draft.items.indices.allSatisfy({ draft.isCaughtUp(at: $0) })
        else { return .diverges }
        let output = response.elements("output", in: data) ?? []
        // Some servers do not repeat what they said.
        guard output.isEmpty || output.count >= draft.items.count else { return .diverges }
        for (place, range) in output.enumerated() where place < draft.items.count {
            if let settled = draft.items[place].settled, !settled.isEmpty {
                edits.insert(range, settled)
            } else if let item = try? JSONObject(data, at: range.start) {
                complete(item, at: place, data, &edits)
            }
        }
        func name(_ name: StaticString, _ own: [UInt8]?) {
            guard let own, let range = response.value(name, in: data) else { return }
            edits.insert(range, own)
        }
        name("id", draft.id)
        name("created_at", draft.created)
        name("model", draft.model)
        name("max_output_tokens", draft.bound)
        if let range = response.value("usage", in: data),
            let usage = UsageScanner.facts(inEvent: data, nested: true).usage?.usage
        {
            edits.insert(range, usageObject(usage, UsageNames.response))
        }
        return .gives
    }

    /// Numbers an event as the first server's are, and says its place where those do.
    private func name(_ read: ResponseEvent, _ data: RawSpan, in edits: inout BodyEdits) {
        let number = Array(String(draft.number).utf8)
        let front = ByteRange(read.object.range.start + 1, read.object.range.start + 1)
        var missing: [UInt8] = []
        if let range = read.object.value("sequence_number", in: data) {
            edits.insert(range, number)
        } else if draft.isNumbered {
            missing.append("\"sequence_number\":")
            missing.append(contentsOf: number)
            missing.append(UInt8(ascii: ","))
        }
        if draft.hasPlaces, read.outputIndex == nil, let place = knownPlace(of: read, data) {
            missing.append("\"output_index\":")
            missing.append(contentsOf: String(place).utf8)
            missing.append(UInt8(ascii: ","))
            if let part = knownPart(of: read, at: place) {
                missing.append(part)
            }
        }
        if !missing.isEmpty { edits.insert(front, missing) }
    }

    private func knownPlace(of read: ResponseEvent, _ data: RawSpan) -> Int? {
        switch read.kind {
        case .itemAdded: return draft.items.count - 1
        case .itemDone:
            return draft.place(of: read, id: read.item(data)?.value("id", in: data), data)
        case .partAdded, .textDelta, .textDone, .partDone, .call:
            return draft.place(of: read, id: read.itemID, data)
        case .opening, .ended, .report, .other: return nil
        }
    }

    /// The member that says which part an event is about.
    private func knownPart(of read: ResponseEvent, at place: Int) -> String? {
        switch read.kind {
        case .partAdded, .textDelta, .textDone, .partDone:
            guard read.partIndex == nil, !read.isSummary else { return nil }
            return "\"content_index\":\(max(0, draft.items[place].partsBegun - 1)),"
        case .opening, .itemAdded, .itemDone, .call, .ended, .report, .other: return nil
        }
    }
}
