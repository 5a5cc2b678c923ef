// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What a generated workload consists of; its text form is read by `WorkloadSpec.parse`.
///
///     poisson:rate=50,input=~1000,output=~200
///     burst:rate=50,cv=4,input=p50:1020/p90:2735
///     burst:rate=20,on=10s,off=30s,prefixes=8,prefix=2000
///     chat:users=200,turns=~5,think=10s,input=~100,output=~200,prefix=500,prefixes=1
package struct WorkloadSpec: Hashable, Sendable {
    /// How requests follow one another.
    package var shape: Shape
    /// What requests ask for in `model`; nil where the text does not say.
    package var model: String?
    /// Tokens of a prompt, the shared prefix and what was said before not counted.
    package var input = LengthDistribution.lognormal(mean: 1000, variation: 1)
    /// Tokens of an answer.
    package var output = LengthDistribution.lognormal(mean: 200, variation: 1)
    /// What prompts begin with, or nil when they share nothing.
    package var prefixes: SharedPrefixes?
    /// Whether answers are asked for as streams.
    package var stream = true
    /// When it begins.
    package var start = Nanoseconds.zero
    /// How long it goes on; nil for ever.
    package var duration: Nanoseconds?

    /// How the requests of a workload follow one another.
    package enum Shape: Hashable, Sendable {
        /// Each is on its own.
        case open(ArrivalProcess)
        /// Users hold conversations.
        case chat(ChatHabits)
    }

    /// A workload of the given shape, the rest as it is when the text does not say.
    package init(_ shape: Shape) {
        self.shape = shape
        if case .chat = shape { input = .lognormal(mean: 100, variation: 1) }
    }
}

/// How the users of a chat workload behave.
package struct ChatHabits: Hashable, Sendable {
    /// Users at a time; one who ends a conversation begins another.
    package var users: Int
    /// Questions of a conversation.
    package var turns = LengthDistribution.exactly(5)
    /// The mean time between the end of an answer and the next question.
    package var think = Nanoseconds.seconds(10)
    /// How long a token of an answer takes to arrive.
    ///
    /// A user is not held up by a slow server: then the overload would hide itself, as the
    /// requests that would show it were never sent.
    package var pace = Nanoseconds.milliseconds(20)
    /// The time over which users begin; nil for `think`.
    package var ramp: Nanoseconds?
    /// Tokens at which a conversation ends, because no model could read it.
    package var contextMax = 32_768

    /// Habits of so many users.
    package init(users: Int) { self.users = users }
}
