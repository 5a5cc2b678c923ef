// SPDX-License-Identifier: Apache-2.0

#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Reads HTTP/1.1 answers, and the events of a stream within them, however they are cut.
struct answer {
    enum {
        IN_HEAD,
        IN_LENGTH,      // `left` bytes of body to come
        IN_CHUNK_SIZE,  // the line in front of a chunk
        IN_CHUNK,       // `left` bytes of chunk to come
        IN_CHUNK_END,   // the line break behind a chunk
        IN_TRAILER,
        COMPLETE,
        BROKEN
    } state;
    int status;
    uint64_t left;
    uint64_t events;
    bool says_done;  // the stream ended with [DONE]
    size_t head_length;
    char head[4096];
    // The event that is being read: whether it is at a line's start, and its first bytes.
    bool line_start;
    bool in_event;
    unsigned event_length;
    char event[48];
};

/// Makes ready for the next answer.
void answer_reset(struct answer *a);

/// Takes bytes of the answer; answers how many it took, fewer when the answer is complete.
/// Calls `on_event` at the end of every event with its first bytes.
size_t answer_take(
    struct answer *a, const char *bytes, size_t count,
    void (*on_event)(const char *event, unsigned count));

#endif
