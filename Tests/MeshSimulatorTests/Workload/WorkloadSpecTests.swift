// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

struct WorkloadSpecTests {
    @Test("every key is read")
    func open() throws {
        let spec = try WorkloadSpec.parse(
            "poisson:rate=50,input=1000,output=200,model=chat,prefixes=8,prefix=2000,skew=0.5,"
                + "stream=false,start=5s,duration=1m")
        #expect(spec.shape == .open(.poisson(rate: 50)))
        #expect(spec.model == "chat")
        #expect(spec.input == .exactly(1000))
        #expect(spec.output == .exactly(200))
        #expect(spec.prefixes == SharedPrefixes(count: 8, tokens: 2000, skew: 0.5))
        #expect(!spec.stream)
        #expect(spec.start == .seconds(5))
        #expect(spec.duration == .seconds(60))
    }

    @Test("bursts are clusters or phases")
    func burst() throws {
        #expect(
            try WorkloadSpec.parse("burst:rate=20,cv=4").shape
                == .open(.gamma(rate: 20, variation: 4)))
        #expect(
            try WorkloadSpec.parse("burst:rate=20,on=10s,off=30s").shape
                == .open(.phases(rate: 20, on: .seconds(10), off: .seconds(30))))
    }

    @Test("a chat has users, turns and time to think")
    func chat() throws {
        let spec = try WorkloadSpec.parse(
            "chat:users=200,turns=3-9,think=4s,pace=10ms,ramp=1s,context=8192")
        var habits = ChatHabits(users: 200)
        habits.turns = .uniform(3...9)
        habits.think = .seconds(4)
        habits.pace = .milliseconds(10)
        habits.ramp = .seconds(1)
        habits.contextMax = 8192
        #expect(spec.shape == .chat(habits))
    }

    @Test("without a word about it, prompts and answers are as is usual")
    func defaults() throws {
        let spec = try WorkloadSpec.parse("even:rate=0.5")
        #expect(spec.shape == .open(.even(rate: 0.5)))
        #expect(spec == WorkloadSpec(.open(.even(rate: 0.5))))
        #expect(spec.model == nil && spec.prefixes == nil && spec.stream)
    }

    @Test(
        "a mistake is told with its place and what to do",
        arguments: [
            ("", 1, "unknown kind", "begin with one of `even`"),
            ("poison:rate=1", 1, "unknown kind `poison`", "did you mean `poisson`?"),
            ("poisson", 8, "`rate` is missing", "rate=50"),
            ("poisson:", 9, "`rate` is missing", "rate=50"),
            ("poisson:rat=50", 9, "no key `rat`", "did you mean `rate`?"),
            ("poisson:users=50", 9, "no key `users`", "the keys are `rate`, `model`"),
            ("poisson:rate", 9, "has no value", "key=value"),
            ("poisson:rate=", 9, "has no value", "key=value"),
            ("poisson:rate=1,,", 16, "has no value", "key=value"),
            ("poisson:rate=fast", 14, "`fast`", "write a number from"),
            ("poisson:rate=-1", 14, "`-1`", "write a number from"),
            ("poisson:rate=nan", 14, "`nan`", "write a number from"),
            ("poisson:rate=1,rate=2", 16, "twice", "keep one"),
            ("poisson:rate=1,input=p50:9/p90:x", 28, "`p90:x` is not a quantile", "p90:400"),
            ("poisson:rate=1,duration=5", 25, "not a duration", "`10s`"),
            ("poisson:rate=1,stream=yes", 23, "neither", "write one of them"),
            ("poisson:rate=1,prefixes=2", 26, "`prefix` is missing", "prefix=2000"),
            ("burst:rate=1", 13, "nothing says how", "cv=3"),
            ("burst:rate=1,on=1s", 19, "`off` is missing", "off=30s"),
            ("burst:rate=1,on=0s,off=1s", 17, "`on` is 0", "on=10s"),
            ("burst:rate=1,cv=2,on=1s", 19, "exclude each other", "phases"),
            ("chat:turns=4", 13, "`users` is missing", "users=200"),
            ("chat:users=0", 12, "`0`", "from 1 to"),
            ("chat:users=1,think=0s,pace=0s", 20, "no time ever passes", "think=1s"),
        ])
    func mistakes(text: String, column: Int, message: String, remedy: String) {
        do throws(WorkloadFault) {
            _ = try WorkloadSpec.parse(text)
            Issue.record("`\(text)` was read")
        } catch {
            #expect(error.column == column)
            #expect(error.message.contains(message), "\(error.message)")
            #expect(error.remedy.contains(remedy), "\(error.remedy)")
        }
    }

    @Test("a text that is too long is refused")
    func tooLong() {
        #expect(throws: WorkloadFault.self) {
            try WorkloadSpec.parse("poisson:" + String(repeating: "rate=1,", count: 1000))
        }
    }
}
