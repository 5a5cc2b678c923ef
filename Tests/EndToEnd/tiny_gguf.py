# SPDX-License-Identifier: Apache-2.0
"""Writes a llama model of random weights, about a megabyte, that a real model server loads.

Its text means nothing, and that is enough: what the tests look at is the protocol around it.
Two properties are built in:

* Every prompt tokenises, because the vocabulary falls back to single bytes.
* Every answer is plain English letters and runs to `max_tokens`: only whole words can be
  sampled. One dimension of the hidden state is a constant that no layer writes to; the output
  weights of all other tokens are strongly negative there.
* The text of an answer tokenises to the tokens it was made of, as that of real models mostly
  does: every beginning of a word is a token of its own, so that merging finds the whole word.

usage: tiny_gguf.py FILE [LAYERS WIDTH]
"""

import sys

import gguf
import numpy

HEADS, KEY_HEADS, CONTEXT = 4, 2, 4096
SPACE = "\u2581"  # how SentencePiece writes the blank in front of a word
BEGIN, END, TURN_BEGIN, TURN_END = "<s>", "</s>", "<|turn|>", "<|end|>"

TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['role'] }}: {{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant: {% endif %}"
)


def vocabulary():
    """The tokens with score and type, and the index of the first word."""
    kind = gguf.TokenType
    rows = [("<unk>", 0.0, kind.UNKNOWN)]
    rows += [(text, 0.0, kind.CONTROL) for text in (BEGIN, END, TURN_BEGIN, TURN_END)]
    rows += [(f"<0x{byte:02X}>", 0.0, kind.BYTE) for byte in range(256)]
    rows += [(SPACE, -1.0, kind.NORMAL)]
    rows += [(chr(code), -3.0 - code / 128, kind.NORMAL) for code in range(0x21, 0x7F)]
    beginnings = {word[:length] for word in words() for length in range(1, len(word))}
    for beginning in sorted(beginnings - set(words())):
        rows.append((SPACE + beginning, -4.0 - len(beginning) / 64, kind.NORMAL))
    first_word = len(rows)
    for index, word in enumerate(words()):
        rows.append((SPACE + word, -5.0 - index / 1024, kind.NORMAL))
    return rows, first_word


def words():
    """A few hundred words, each of two or three syllables."""
    heads = ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lu", "mo", "na", "pe"]
    tails = ["ran", "sel", "tin", "vor", "wex", "zum", "lat", "mer"]
    short = [head + tail for head in heads for tail in tails]
    return short + [head + word for head in heads[:4] for word in short[:48]]


def describe(writer, rows, layers, width):
    """Writes everything that is not a weight."""
    writer.add_name("tiny-random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(width * 5 // 2)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_dimension_count(width // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(rows))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _, _ in rows])
    writer.add_token_scores([score for _, score, _ in rows])
    writer.add_token_types([int(kind) for _, _, kind in rows])
    texts = [text for text, _, _ in rows]
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(texts.index(BEGIN))
    writer.add_eos_token_id(texts.index(TURN_END))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(TEMPLATE)


def weights(size, first_word, layers, width, seed=7):
    """Yields each tensor's name and values."""
    random = numpy.random.default_rng(seed)

    def matrix(rows, columns):
        values = random.standard_normal((rows, columns)) / numpy.sqrt(columns)
        return values.astype(numpy.float32)

    def keeps_constant(values):
        values[0, :] = 0
        return values

    embedding = random.standard_normal((size, width)).astype(numpy.float32)
    embedding[:, 0] = 4
    yield "token_embd.weight", embedding
    key_width = width // HEADS * KEY_HEADS
    inner = width * 5 // 2
    for layer in range(layers):
        ones = numpy.ones(width, numpy.float32)
        shapes = {
            "attn_norm": ones,
            "attn_q": matrix(width, width),
            "attn_k": matrix(key_width, width),
            "attn_v": matrix(key_width, width),
            "attn_output": keeps_constant(matrix(width, width)),
            "ffn_norm": ones,
            "ffn_gate": matrix(inner, width),
            "ffn_up": matrix(inner, width),
            "ffn_down": keeps_constant(matrix(width, inner)),
        }
        for name, values in shapes.items():
            yield f"blk.{layer}.{name}.weight", values
    yield "output_norm.weight", numpy.ones(width, numpy.float32)
    output = (random.standard_normal((size, width)) * 0.6).astype(numpy.float32)
    output[:, 0] = 0
    output[:first_word, 0] = -12
    yield "output.weight", output


def write(path, layers=2, width=64):
    """Writes a model of so many layers to `path`."""
    rows, first_word = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    describe(writer, rows, layers, width)
    for name, values in weights(len(rows), first_word, layers, width):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:]))
