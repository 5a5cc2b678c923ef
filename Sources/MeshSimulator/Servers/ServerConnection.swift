// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// One connection of a server: reads requests one after another and answers each.
final class ServerConnection: SocketHandler {
    /// Where the present answer stands.
    enum Phase { case idle, reading, computing, answering, over }

    /// Held strongly until the world dissolves: an unowned reference costs at every use.
    let server: SimulatedServer
    let socket: Socket
    let place: Int
    /// The engine's job for the present request, or nil.
    private(set) var job: EngineJob.ID?

    private var phase = Phase.idle
    private var inbound = Inbound()
    private var head = RequestHead()
    private var reader = BodyReader(.none, limits: HeadLimits())
    private var ordinal = 0
    private var request = -1
    private var keepsAlive = true
    private var item: WorkItem? {
        didSet { isStream = item?.stream == true }
    }
    /// Whether the present answer is a stream; asked for every token.
    private var isStream = false
    /// Whether the caller itself asked for usage in its stream.
    private var callerAskedForUsage = false
    /// The first bytes of the request's body, where it says what it asks for.
    private var opening: [UInt8] = []
    private var number = 0
    private var text: AnswerText?
    private var log: AttemptLog?
    private var fate = AnswerFate()
    /// Tokens that another server said before.
    private var said = 0

    init(server: SimulatedServer, socket: Socket, place: Int) {
        self.server = server
        self.socket = socket
        self.place = place
    }

    private var world: World { server.world }

    // MARK: Reading

    /// Nothing is under way: waits for a request, perhaps not for ever.
    func waitForRequest(at now: Instant) {
        phase = .idle
        ordinal += 1
        guard let limit = server.habits.idleTimeout else { return }
        let turn = ordinal
        world.schedule(at: now + limit) { [self] now in
            if ordinal == turn { closeIfIdle(at: now) }
        }
    }

    /// Closes the connection when no request is under way.
    func closeIfIdle(at now: Instant) {
        guard phase == .idle, inbound.isEmpty, socket.readable == 0 else { return }
        world.faults.count(.idleClose)
        leave(at: now)
    }

    func received(_ socket: Socket, at now: Instant) {
        socket.take(into: &inbound)
        advance(at: now)
    }

    private func advance(at now: Instant) {
        if phase == .idle, !inbound.isEmpty {
            guard readHead(at: now) else { return }
        }
        if phase == .reading { readBody(at: now) }
    }

    private func readHead(at now: Instant) -> Bool {
        let bytes = inbound.bytes
        let span = unsafe bytes.span.bytes.extracting(inbound.at..<bytes.count)
        do {
            let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: 256)
            guard try head.parse(span, limits: limits) else { return false }
        } catch {
            // Whatever the mesh forwards must be a request.
            world.breach("forwarded head", "a server was sent what is not a request: \(error)")
            leave(at: now)
            return false
        }
        request = -1
        opening.removeAll(keepingCapacity: true)
        if let field = head.first(.xRequestID) {
            request = RequestName.number(span.extracting(field.valueRange.range)) ?? -1
        }
        if !world.options.confined.isEmpty {
            for field in head.fields
            where span.extracting(field.nameRange.range).equalsIgnoringCase("x-data-label") {
                let label = span.extracting(field.valueRange.range).text
                world.checkPlace(of: label, server: server.plan.authority, request: request)
            }
        }
        keepsAlive = head.keepAlive
        reader = BodyReader(head.framing, limits: HeadLimits())
        phase = .reading
        inbound.drop(head.length)
        return true
    }

    private func readBody(at now: Instant) {
        let bytes = inbound.bytes
        let span = unsafe bytes.span.bytes
        var offset = inbound.at
        do throws(Violation) {
            while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range):
                    let most = world.options.isDeterministic ? Int.max : Self.openingBytes
                    let room = max(0, most - opening.count)
                    opening.append(span.extracting(range.range).extracting(first: room))
                case .needMore:
                    inbound.clear()
                    return
                case .end:
                    inbound.drop(offset - inbound.at)
                    begin(at: now)
                    return
                }
            }
        } catch {
            world.breach("forwarded body", "a server was sent a malformed body: \(error)")
            leave(at: now)
        }
    }

    // MARK: Answering

    private func begin(at now: Instant) {
        phase = .computing
        if head.method == .get {
            answerProbe(at: now)
            return
        }
        let attempt = world.beginAttempt(server: server.number, request: request)
        number = attempt.number
        log = attempt.log
        item = attempt.request?.item
        callerAskedForUsage = attempt.request?.fate.asksForUsage ?? false
        if world.options.checksPauses { world.checkPause(of: server, request: request) }
        fate = AnswerFate(server.habits, using: &world.serverRandom)
        if server.habits.isMute {
            world.faults.count(.answerStalled)
            return
        }
        guard fate.delay.rawValue > 0 else {
            proceed(at: now)
            return
        }
        world.faults.count(.slowAnswer)
        let turn = ordinal
        world.schedule(at: now + fate.delay) { [self] now in
            if ordinal == turn, phase == .computing { proceed(at: now) }
        }
    }

    private func proceed(at now: Instant) {
        switch fate.start {
        case .vanish:
            world.faults.count(.closedBeforeAnswer)
            leave(at: now)
            return
        case .malformed:
            world.faults.count(.malformedAnswer)
            socket.write("HTP/1.1 two hundred\r\n\r\n")
            leave(at: now)
            return
        case .status(let status):
            world.faults.count(.errorStatus)
            refuse(status, retryAfter: server.habits.retryAfter, at: now)
            return
        case .answer: break
        }
        guard let item else {
            refuse(400, retryAfter: nil, at: now)
            return
        }
        let id = server.jobName(place: place)
        said = world.options.isDeterministic ? tokensSaid(before: item) : 0
        let engineJob = EngineJob(
            id: id, promptTokens: item.promptTokens + said,
            blockHashes: item.blockHashes(blockTokens: server.plan.profile.blockTokens),
            answerTokens: max(1, item.answerTokens - said))
        job = id
        if case .refused(let refusal) = server.submit(engineJob, at: now) {
            job = nil
            world.faults.count(.errorStatus)
            switch refusal {
            case .queueFull: refuse(429, retryAfter: 1, at: now)
            case .tooLong: refuse(400, retryAfter: nil, at: now)
            case .crashed, .duplicate: refuse(500, retryAfter: nil, at: now)
            case .injected(let status): refuse(status, retryAfter: nil, at: now)
            }
        }
    }

    /// What the words of the present answer depend on.
    private var wordSeed: UInt64 {
        UInt64(world.options.isDeterministic ? request : number)
    }

    /// Tokens of the beginning of the answer that the request ends with.
    private func tokensSaid(before item: WorkItem) -> Int {
        let mark = Array("{\"role\":\"assistant\",\"content\":\"".utf8)
        let body = opening
        guard
            let start = (0...max(0, body.count - mark.count)).last(where: {
                body[$0...].starts(with: mark)
            })
        else { return 0 }
        let text = Array(body[(start + mark.count)...].prefix { $0 != UInt8(ascii: "\"") })
        let tokens = text.count / AnswerText.tokenBytes
        if text != AnswerText.text(seed: wordSeed, count: tokens) || tokens > item.answerTokens {
            world.breach(
                "what was said is handed on",
                "request \(request) was handed on with words that nobody said")
        }
        return tokens
    }

    private func answerProbe(at now: Instant) {
        let isGood = server.habits.passesHealthChecks && !server.habits.isMute
        socket.write(isGood ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 503 Down\r\n")
        socket.write("content-length: 0\r\nconnection: close\r\n\r\n")
        leave(at: now)
    }

    private func refuse(_ status: Int, retryAfter: Int?, at now: Instant) {
        log?.status = status
        var body: [UInt8] = []
        body.append("{\"error\":{\"message\":\"not now\",\"type\":\"server_error\"}}")
        beginHead(status, type: "application/json")
        var field: [UInt8] = []
        if let retryAfter {
            HeadWriter.appendField("retry-after", retryAfter, to: &field)
            server.asksForPause(.seconds(Int64(retryAfter)), at: now)
        }
        HeadWriter.appendField("content-length", body.count, to: &field)
        field.append("\r\n")
        socket.write(field)
        socket.write(body)
        log?.produced = body
        log?.isWhole = true
        end(at: now)
    }

    private func beginHead(_ status: Int, type: StaticString) {
        var bytes: [UInt8] = []
        bytes.append("HTTP/1.1 ")
        bytes.appendDecimal(status)
        bytes.append(" X\r\nx-sim-attempt: ")
        bytes.appendDecimal(number)
        bytes.append("\r\ncontent-type: ")
        bytes.append(type)
        bytes.append("\r\n")
        if !keepsAlive { bytes.append("connection: close\r\n") }
        socket.write(bytes)
    }

    private func beginAnswer() {
        guard let item, phase == .computing else { return }
        phase = .answering
        log?.status = 200
        let isChunked = server.habits.framing == .chunked
        let made = AnswerText(
            attempt: number, model: item.model, isChunked: isChunked, seed: wordSeed, said: said)
        text = made
        guard item.stream else { return }
        log?.eventBytes = made.eventBytes
        if !isChunked { keepsAlive = false }
        beginHead(200, type: "text/event-stream")
        socket.write(isChunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n")
    }

    // MARK: Engine

    /// The engine made token `index`.
    func token(_ index: Int, at now: Instant) {
        if phase == .computing { beginAnswer() }
        guard let text, phase == .answering else { return }
        if let limit = fate.breaksAfter, index >= limit {
            breakOff(at: now)
            return
        }
        log?.tokens = index + 1
        if isStream, !fate.isStalled {
            text.writeToken(index, to: socket, world.options.verifies ? log : nil)
        }
    }

    /// Sends what the tokens of this instant wrote.
    func flush(at now: Instant) { socket.flush(at: now) }

    private func breakOff(at now: Instant) {
        guard let text, let item, let job else { return }
        switch fate.breaking {
        case .stall:
            if !fate.isStalled { world.faults.count(.answerStalled) }
            fate.isStalled = true
            return
        case .cut:
            world.faults.count(.answerCut)
            if item.stream {
                let part = world.serverRandom.below(text.eventBytes)
                text.writePart(of: fate.breaksAfter ?? 0, bytes: part, to: socket, log)
            } else {
                beginHead(200, type: "application/json")
                socket.write("content-length: 900\r\n\r\n{\"id\":\"chat")
                log?.produced.append("{\"id\":\"chat")
            }
        case .reset: world.faults.count(.answerReset)
        }
        self.job = nil
        let isReset = fate.breaking == .reset
        // The engine must not be touched while it speaks.
        world.schedule(at: now) { [self] now in server.cancel(job, at: now) }
        if isReset {
            socket.flush(at: now)
            sever(at: now)
        } else {
            leave(at: now)
        }
    }

    /// The engine completed the answer.
    func finished(_ finish: EngineFinish, _ usage: EngineUsage, at now: Instant) {
        beginAnswer()
        job = nil
        log?.cachedTokens = usage.cachedTokens
        guard let text, let item, !fate.isStalled else { return }
        let kept = world.options.verifies ? log : nil
        if item.stream {
            text.writeFinish(finish == .stop ? "stop" : "length", to: socket, kept)
            // Usage that only the mesh asked for is not for the caller.
            if Self.asksForUsage(opening) {
                text.writeUsage(usage, to: socket, callerAskedForUsage ? kept : nil)
            }
            if fate.leavesOutDone {
                world.faults.count(.doneMissing)
            } else {
                text.writeDone(to: socket, kept)
            }
            text.writeEnd(to: socket)
        } else {
            let body = text.document(usage, model: item.model)
            beginHead(200, type: "application/json")
            var field: [UInt8] = []
            HeadWriter.appendField("content-length", body.count, to: &field)
            field.append("\r\n")
            socket.write(field)
            socket.write(body)
            if world.options.verifies { log?.produced = body }
        }
        log?.isWhole = true
        end(at: now)
    }

    /// The engine lost the job.
    func failed(_ failure: EngineFailure, at now: Instant) {
        job = nil
        switch failure {
        case .crashed: return
        case .reset:
            world.faults.count(.answerReset)
            sever(at: now)
        case .outOfMemory:
            world.faults.count(.errorStatus)
            if phase == .computing {
                refuse(500, retryAfter: nil, at: now)
            } else {
                leave(at: now)
            }
        }
    }

    private static var openingBytes: Int { 256 }

    private static func asksForUsage(_ opening: [UInt8]) -> Bool {
        let span = unsafe opening.span.bytes
        var from = 0
        while let at = span.firstIndex(of: UInt8(ascii: "i"), from: from) {
            from = at + 1
            if span.extracting(at..<span.byteCount).hasPrefix("include_usage\":true") {
                return true
            }
        }
        return false
    }

    private func end(at now: Instant) {
        text = nil
        log = nil
        item = nil
        socket.flush(at: now)
        guard keepsAlive else {
            leave(at: now)
            return
        }
        waitForRequest(at: now)
        advance(at: now)
    }

    // MARK: Ends

    func peerFinished(_ socket: Socket, at now: Instant) { leave(at: now) }

    func broke(_ socket: Socket, at now: Instant) { leave(at: now) }

    func hasRoom(_ socket: Socket, at now: Instant) {}

    private func leave(at now: Instant) {
        abandonJob(at: now)
        socket.close(at: now)
    }

    /// Resets the connection.
    func sever(at now: Instant) {
        abandonJob(at: now)
        socket.reset(at: now)
    }

    private func abandonJob(at now: Instant) {
        phase = .over
        ordinal += 1
        server.forget(self)
        guard let job else { return }
        self.job = nil
        world.schedule(at: now) { [server] now in server.cancel(job, at: now) }
    }
}

/// What will become of one answer, drawn when its request was read.
struct AnswerFate {
    /// What comes in the place of an answer, if anything.
    enum Start { case answer, vanish, malformed, status(Int) }

    /// How an answer breaks.
    enum Breaking { case cut, reset, stall }

    var start = Start.answer
    var delay = Nanoseconds.zero
    /// Tokens after which the answer breaks, or nil.
    var breaksAfter: Int?
    var breaking = Breaking.cut
    var leavesOutDone = false
    var isStalled = false

    init() {}

    init(_ habits: ServerHabits, using random: inout SplitMix64) {
        func strikes(_ permille: Int) -> Bool { permille > 0 && random.below(1000) < permille }
        if strikes(habits.slowPermille) { delay = habits.slowBy }
        if strikes(habits.vanishPermille) { start = .vanish }
        if strikes(habits.malformedPermille) { start = .malformed }
        if strikes(habits.statusPermille), !habits.statuses.isEmpty {
            start = .status(habits.statuses[random.below(habits.statuses.count)])
        }
        leavesOutDone = strikes(habits.doneMissingPermille)
        if strikes(habits.cutPermille) {
            breaking = .cut
        } else if strikes(habits.resetPermille) {
            breaking = .reset
        } else if strikes(habits.stallPermille) {
            breaking = .stall
        } else {
            return
        }
        breaksAfter = random.below(12)
    }
}
