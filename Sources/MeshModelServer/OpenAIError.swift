// SPDX-License-Identifier: Apache-2.0

/// An error in the shape that OpenAI clients read.
struct OpenAIError: Error, Hashable {
    /// The HTTP status.
    var status: Int
    /// What happened, for a person.
    var message: String
    /// The class of the error, `invalid_request_error` and the like.
    var type: String
    /// The field at fault.
    var parameter: String?
    /// The stable name of the error.
    var code: String?
    /// Seconds for the `retry-after` header.
    var retryAfter: Int?

    /// The response body.
    var body: JSON {
        [
            "error": [
                "message": .string(message), "type": .string(type),
                "param": parameter.map(JSON.string) ?? .null,
                "code": code.map(JSON.string) ?? .null,
            ]
        ]
    }

    /// The request makes no sense.
    static func invalid(_ message: String, _ parameter: String? = nil, code: String? = nil)
        -> OpenAIError
    {
        OpenAIError(
            status: 400, message: message, type: "invalid_request_error", parameter: parameter,
            code: code)
    }

    /// The request names a model that this server does not have.
    static func unknownModel(_ model: String) -> OpenAIError {
        OpenAIError(
            status: 404, message: "The model `\(model)` does not exist.",
            type: "invalid_request_error", parameter: "model", code: "model_not_found")
    }

    /// There is nothing at that path.
    static func unknownPath(_ method: String, _ path: String) -> OpenAIError {
        OpenAIError(
            status: 404, message: "Invalid URL (\(method) \(path))",
            type: "invalid_request_error", parameter: nil, code: "unknown_url")
    }

    /// The key is absent or wrong.
    static var unauthorized: OpenAIError {
        OpenAIError(
            status: 401, message: "Incorrect API key provided.", type: "invalid_request_error",
            parameter: nil, code: "invalid_api_key")
    }

    /// The server has as much work as it takes.
    static var overloaded: OpenAIError {
        OpenAIError(
            status: 503, message: "The engine is overloaded, please try again later.",
            type: "server_error", parameter: nil, code: "overloaded", retryAfter: 1)
    }

    /// The engine ran out of memory on purpose.
    static var outOfMemory: OpenAIError {
        OpenAIError(
            status: 500, message: "CUDA out of memory (simulated).", type: "server_error",
            parameter: nil, code: "out_of_memory")
    }

    /// A status that somebody asked for.
    static func simulated(_ status: Int, retryAfter: Int? = nil) -> OpenAIError {
        let type =
            switch status {
            case 401: "authentication_error"
            case 429: "rate_limit_error"
            case 400..<500: "invalid_request_error"
            default: "server_error"
            }
        return OpenAIError(
            status: status, message: "A simulated fault answered with status \(status).",
            type: type, parameter: nil, code: "simulated_fault", retryAfter: retryAfter)
    }
}
