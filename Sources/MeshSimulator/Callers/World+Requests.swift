// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry

/// The life of a request, from the workload to its record.
extension World {
    /// Has a caller send `item`.
    func send(_ item: WorkItem, fate: CallerFate, repeats: Int) {
        let request = SimulatedRequest(
            number: requests.count, item: item, fate: fate, repeats: repeats, at: now)
        requests.append(request)
        openRequests += 1
        if fate.isPipelined, !fate.needsOwnConnection, let busy = callers.busy, busy.takesMore {
            faults.count(.pipelined)
            busy.send(request, at: now)
        } else if !fate.needsOwnConnection, let caller = callers.take() {
            caller.send(request, at: now)
            callers.busy = caller
        } else {
            sendOnNewConnection(request, at: now)
        }
    }

    /// Has a caller open a connection for `request`.
    func sendOnNewConnection(_ request: SimulatedRequest, at now: Instant) {
        connectToProxy(at: now) { [self] socket, now in
            guard let socket else {
                request.observation.ending = .notConnected
                finished(request, at: now)
                return
            }
            let caller = Caller(world: self, socket: socket)
            socket.handler = caller
            caller.send(request, at: now)
            if !request.fate.needsOwnConnection { callers.busy = caller }
        }
    }

    /// A server begins to answer request `number` (-1 for one that nobody knows).
    func beginAttempt(
        server: Int, request number: Int
    ) -> (number: Int, log: AttemptLog, request: SimulatedRequest?) {
        let request = requests.indices.contains(number) ? requests[number] : nil
        let log = AttemptLog(server: server, request: number)
        outcome.answers[server] += 1
        attempts.append(log)
        let attempt = attempts.count - 1
        request?.attempts.append(attempt)
        return (attempt, log, request)
    }

    /// The proxy begins an exchange.
    func exchangeBegan(request number: Int) {
        guard requests.indices.contains(number) else { return }
        requests[number]?.begun += 1
    }

    /// The proxy made a record.
    func recorded(_ record: ExchangeRecord, request number: Int, at now: Instant) {
        outcome.records += 1
        codes[record.refusal.map { "\($0)" } ?? "", default: 0] += 1
        digest.add(number)
        digest.add(record)
        guard requests.indices.contains(number), let request = requests[number] else { return }
        request.records += 1
        if request.records > request.begun {
            breach("one record each", "request \(number) has \(request.records) records")
        }
        request.record = record
        if request.isFinished { settle(request) }
    }

    /// A caller has ended with `request`, one way or another.
    func finished(_ request: SimulatedRequest, at now: Instant) {
        guard !request.isFinished else { return }
        request.isFinished = true
        openRequests -= 1
        request.observation.total = now - request.startedAt
        request.observation.attempts = request.attempts.count
        if request.observation.ending != .left, mayRepeat(request) {
            let pause = Nanoseconds.milliseconds(Int64(10 + callerRandom.below(90)))
            openRequests += 1
            schedule(at: now + pause) { [self] now in
                openRequests -= 1
                var fate = request.fate
                fate.isPipelined = false
                send(request.item, fate: fate, repeats: request.repeats + 1)
            }
        }
        if request.records > 0 || request.begun == 0 { settle(request) }
    }

    private func mayRepeat(_ request: SimulatedRequest) -> Bool {
        guard request.repeats < options.callers.retries else { return false }
        let status = request.observation.status
        return status == 429 || status >= 500 || status == 0
    }

    /// Both sides have spoken: what the caller saw must agree with the record.
    private func settle(_ request: SimulatedRequest) {
        if let record = request.record {
            request.observation.code = record.refusal.map { "\($0)" }
            request.observation.cost = record.cost
            checkAgreement(request, record)
        }
        guard request.records == request.begun else { return }
        let seen = request.observation
        outcome.endings[Int(seen.ending.rawValue)] += 1
        digest.add(seen.number)
        digest.add(Int(seen.ending.rawValue) << 16 | seen.status)
        digest.add(seen.tokens)
        digest.add(UInt64(bitPattern: seen.total.rawValue))
        digest.add(UInt64(bitPattern: seen.firstToken?.rawValue ?? -1))
        observe?(seen)
        if options.keepsRequests { outcome.requests.append(seen) }
        for attempt in request.attempts { attempts[attempt] = nil }
        requests[request.number] = nil
    }
}
