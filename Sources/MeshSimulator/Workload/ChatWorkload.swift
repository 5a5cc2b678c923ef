// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Users who hold conversations: each question carries all that was said before it.
struct ChatWorkload: Sendable {
    private let spec: WorkloadSpec
    private let habits: ChatHabits
    private let model: String
    private let names: PrefixNames
    private var random: SplitMix64
    private var users: [User] = []
    /// A heap of the users by the time of their next question; ties by number.
    private var queue: [Int] = []
    private var sessions: UInt64
    private let end: Instant

    private struct User: Sendable {
        var at: Instant
        var session: UInt64 = 0
        var prefix = 0
        /// Questions left in the conversation.
        var turnsLeft = 0
        /// Tokens said so far, the shared prefix included.
        var said = 0
    }

    /// The requests of `spec`; sessions are numbered from `firstSession` on.
    init(
        _ spec: WorkloadSpec, habits: ChatHabits, model: String, firstSession: UInt64,
        random: SplitMix64
    ) {
        self.spec = spec
        self.habits = habits
        self.model = model
        names = PrefixNames(spec.prefixes, salt: random.split("names").state)
        self.random = random.split("users")
        sessions = firstSession
        end = spec.end
        let ramp = Double((habits.ramp ?? habits.think).rawValue)
        let start = Instant(nanoseconds: 0) + spec.start
        users.reserveCapacity(habits.users)
        for _ in 0..<habits.users {
            let delay = Nanoseconds(Int64(ramp * self.random.fraction()))
            users.append(User(at: start + delay))
        }
        queue = users.indices.sorted { a, b in isSooner(a, b) }
    }

    /// The next request, or nil when the workload is over.
    mutating func next() -> WorkItem? {
        guard let number = queue.first else { return nil }
        let at = users[number].at
        guard at < end else { return nil }
        let question = spec.input.draw(using: &random)
        let answer = spec.output.draw(using: &random)
        if users[number].turnsLeft == 0
            || users[number].said + question + answer > habits.contextMax
        {
            begin(number)
        }
        users[number].turnsLeft -= 1
        let promptTokens = users[number].said + question
        users[number].said = promptTokens + answer
        let pause = Double(habits.think.rawValue) * Draw.exponential(using: &random)
        users[number].at = at + habits.pace * Int64(answer) + Nanoseconds(Int64(pause))
        siftDown()
        return WorkItem(
            at: at, session: users[number].session, model: model, promptTokens: promptTokens,
            prefix: names.names(
                promptTokens: promptTokens, prefix: users[number].prefix,
                conversation: users[number].session),
            prefixBlockTokens: PrefixNames.blockTokens, answerTokens: answer,
            stream: spec.stream)
    }

    /// A new conversation of user `number`.
    private mutating func begin(_ number: Int) {
        sessions += 1
        users[number].session = sessions
        users[number].prefix = names.pick(using: &random)
        users[number].turnsLeft = Swift.min(
            habits.turns.draw(using: &random), WorkloadLimits.turnsMax)
        users[number].said = names.sharedTokens
    }

    private func isSooner(_ a: Int, _ b: Int) -> Bool {
        (users[a].at, a) < (users[b].at, b)
    }

    /// Puts the user at the top, whose time has changed, where they belong.
    private mutating func siftDown() {
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < queue.count && isSooner(queue[child], queue[least]) {
                least = child
            }
            guard least != place else { return }
            queue.swapAt(place, least)
            place = least
        }
    }
}
