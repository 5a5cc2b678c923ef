// SPDX-License-Identifier: Apache-2.0

import MeshSimulator

/// What a client asked to be written, whichever of the three OpenAI surfaces it used.
struct GenerationRequest {
    /// The surface, which decides the shape of the answer.
    enum Surface { case chat, completion, responses }

    /// One prompt, read into tokens.
    struct Prompt {
        var tokens: [UInt32]
        /// What the person said last; a few words of it are echoed.
        var words: String
        /// The beginning of the answer, when the last message is one of the assistant: the answer
        /// goes on from there. Not among `tokens`.
        var said = ""

        /// Tokens of all that is read: prompt and beginning.
        var allTokens: [UInt32] { tokens + Tokenizer.tokens(of: said) }
    }

    var surface: Surface
    var model: String
    var prompts: [Prompt]
    /// The most tokens of an answer, when the client said.
    var tokensMax: Int?
    var isStream: Bool
    /// Whether a stream of chat or completions ends with a chunk of usage.
    var includesUsage: Bool
    /// Answers for each prompt.
    var choices: Int
    /// Texts that end an answer before they appear.
    var stops: [String]
    /// The tool that must be called, when the client demands one.
    var tool: String?
    /// Whether the answer runs to its bound, as load generators ask with `ignore_eos`.
    var runsToBound: Bool
    /// The client's own seed.
    var seed: Int

    /// The request that `body` spells.
    ///
    /// **Errors**: 400 with the field at fault.
    init(_ body: JSON, surface: Surface) throws(OpenAIError) {
        self.surface = surface
        model = try GenerationRequest.model(of: body)
        switch surface {
        case .chat: prompts = [try GenerationRequest.chat(body)]
        case .completion: prompts = try GenerationRequest.completion(body)
        case .responses: prompts = [try GenerationRequest.responses(body)]
        }
        tokensMax = try body.wholeNumber("max_completion_tokens", from: 1)
        if tokensMax == nil { tokensMax = try body.wholeNumber("max_tokens", from: 1) }
        if tokensMax == nil { tokensMax = try body.wholeNumber("max_output_tokens", from: 1) }
        isStream = body["stream"]?.isTrue ?? false
        includesUsage = body["stream_options"]?["include_usage"]?.isTrue ?? false
        choices = try body.wholeNumber("n", from: 1) ?? 1
        guard choices * prompts.count <= Limits.choicesMax else {
            throw .invalid("at most \(Limits.choicesMax) answers to one request", "n")
        }
        switch body["stop"] {
        case .string(let text): stops = [text]
        case .array(let texts): stops = texts.compactMap(\.text)
        default: stops = []
        }
        stops.removeAll(where: \.isEmpty)
        tool = GenerationRequest.demandedTool(body)
        runsToBound = body["ignore_eos"]?.isTrue ?? false
        seed = body["seed"]?.whole ?? 0
    }

    /// The most tokens of an answer: what the client said, else a default that a fault option
    /// which demands a count of tokens may raise.
    func bound(demanded: Int?) -> Int {
        Swift.min(tokensMax ?? demanded ?? Limits.tokensDefault, Limits.tokensMax)
    }

    /// The model that a body names.
    static func model(of body: JSON) throws(OpenAIError) -> String {
        guard body.members != nil else { throw .invalid("the body must be a JSON object") }
        guard let model = body["model"], !model.isNull else {
            throw .invalid("you must provide a model parameter", "model")
        }
        guard let name = model.text else { throw .invalid("`model` must be a string", "model") }
        return name
    }

    /// The prompt that the messages of a chat make, as `/tokenize` counts it too.
    static func chat(_ body: JSON) throws(OpenAIError) -> Prompt {
        guard let messages = body["messages"]?.elements, !messages.isEmpty else {
            throw .invalid("`messages` must be an array with at least one message", "messages")
        }
        var prompt = Prompt(tokens: toolTokens(body), words: "")
        // As llama.cpp and vLLM with `continue_final_message` have it.
        let goesOn =
            messages.last?["role"]?.text == "assistant"
            && body["add_generation_prompt"]?.isTrue != true
        if goesOn { prompt.said = messages.last?["content"]?.text ?? "" }
        for message in goesOn ? Array(messages.dropLast()) : messages {
            guard let role = message["role"]?.text else {
                throw .invalid("each message must have a `role`", "messages")
            }
            append(role: role, message, to: &prompt)
        }
        prompt.tokens.append(Tokenizer.special("assistant"))
        return prompt
    }

    private static func completion(_ body: JSON) throws(OpenAIError) -> [Prompt] {
        switch body["prompt"] {
        case .string(let text): return [prompt(text)]
        case .array(let parts) where !parts.isEmpty:
            let numbers = parts.compactMap(\.whole)
            if numbers.count == parts.count { return [prompt(numbers)] }
            let texts = parts.compactMap(\.text)
            if texts.count == parts.count { return texts.map(prompt) }
            let lists = parts.compactMap { $0.elements?.compactMap(\.whole) }
            if lists.count == parts.count { return lists.map(prompt) }
        default: break
        }
        throw .invalid("`prompt` must be a string, strings, tokens or lists of tokens", "prompt")
    }

    private static func responses(_ body: JSON) throws(OpenAIError) -> Prompt {
        var prompt = Prompt(tokens: toolTokens(body), words: "")
        if let text = body["instructions"]?.text {
            prompt.tokens.append(Tokenizer.special("system"))
            prompt.tokens += Tokenizer.tokens(of: text)
        }
        switch body["input"] {
        case .string(let text):
            append(role: "user", ["content": .string(text)], to: &prompt)
        case .array(let items) where !items.isEmpty:
            for item in items {
                append(role: item["role"]?.text ?? "tool", item, to: &prompt)
            }
        default: throw .invalid("`input` must be a string or an array of items", "input")
        }
        prompt.tokens.append(Tokenizer.special("assistant"))
        return prompt
    }

    private static func prompt(_ text: String) -> Prompt {
        Prompt(tokens: Tokenizer.tokens(of: text), words: text)
    }

    private static func prompt(_ numbers: [Int]) -> Prompt {
        Prompt(tokens: numbers.map { UInt32(truncatingIfNeeded: $0) }, words: "")
    }

    private static func append(role: String, _ message: JSON, to prompt: inout Prompt) {
        prompt.tokens.append(Tokenizer.special(role))
        var text = ""
        switch message["content"] ?? message["output"] {
        case .string(let whole): text = whole
        case .array(let parts):
            for part in parts {
                if let piece = part["text"]?.text {
                    text += piece
                } else {
                    // A picture or a sound costs what a low-resolution picture costs.
                    let mark = Tokenizer.special("media")
                    prompt.tokens.append(contentsOf: repeatElement(mark, count: 85))
                }
            }
        default: break
        }
        for field in ["tool_calls", "arguments"] {
            guard let extra = message[field], !extra.isNull else { continue }
            text += String(decoding: extra.bytes, as: UTF8.self)
        }
        prompt.tokens += Tokenizer.tokens(of: text)
        if role == "user" { prompt.words = text }
    }

    private static func toolTokens(_ body: JSON) -> [UInt32] {
        guard let tools = body["tools"]?.elements, !tools.isEmpty else { return [] }
        let text = String(decoding: JSON.array(tools).bytes, as: UTF8.self)
        return [Tokenizer.special("tools")] + Tokenizer.tokens(of: text)
    }

    /// The tool that must be called: the one named, or the first when any will do.
    private static func demandedTool(_ body: JSON) -> String? {
        guard let choice = body["tool_choice"] else { return nil }
        if let name = choice["function"]?["name"]?.text ?? choice["name"]?.text { return name }
        guard choice.text == "required", let first = body["tools"]?.elements?.first else {
            return nil
        }
        return first["function"]?["name"]?.text ?? first["name"]?.text
    }
}

extension JSON {
    /// The whole number in the member `name`; nil when it is absent or null.
    ///
    /// **Errors**: 400 when it is anything else or below `least`.
    func wholeNumber(_ name: String, from least: Int) throws(OpenAIError) -> Int? {
        guard let value = self[name], !value.isNull else { return nil }
        guard let whole = value.whole, whole >= least else {
            throw .invalid("`\(name)` must be a whole number of at least \(least)", name)
        }
        return whole
    }
}
