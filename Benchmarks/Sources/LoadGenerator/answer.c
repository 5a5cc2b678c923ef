// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "answer.h"

#include <stdlib.h>
#include <string.h>

void answer_reset(struct answer *a) {
    a->state = IN_HEAD;
    a->status = 0;
    a->left = 0;
    a->events = 0;
    a->says_done = false;
    a->head_length = 0;
    a->line_start = true;
    a->in_event = false;
    a->event_length = 0;
}

static void end_head(struct answer *a) {
    a->head[a->head_length] = 0;
    if (a->head_length < 12 || memcmp(a->head, "HTTP/1.", 7) != 0) {
        a->state = BROKEN;
        return;
    }
    a->status = atoi(a->head + 9);
    const char *length = strcasestr(a->head, "\r\ncontent-length:");
    if (strcasestr(a->head, "\r\ntransfer-encoding:") != NULL) {
        a->state = IN_CHUNK_SIZE;
        a->left = 0;
    } else if (length != NULL) {
        a->left = strtoull(length + 17, NULL, 10);
        a->state = a->left > 0 ? IN_LENGTH : COMPLETE;
    } else {
        // An answer that only the connection's end delimits cannot be followed by another.
        a->state = a->status == 204 || a->status == 304 ? COMPLETE : BROKEN;
    }
}

static size_t take_head(struct answer *a, const char *bytes, size_t count) {
    size_t room = sizeof a->head - 1 - a->head_length;
    size_t taken = count < room ? count : room;
    size_t before = a->head_length;
    memcpy(a->head + before, bytes, taken);
    a->head_length += taken;
    size_t from = before > 3 ? before - 3 : 0;
    char *end = memmem(a->head + from, a->head_length - from, "\r\n\r\n", 4);
    if (end == NULL) {
        if (taken == room) a->state = BROKEN;
        return taken;
    }
    a->head_length = (size_t)(end - a->head) + 4;
    end_head(a);
    return a->head_length - before;
}

// Splits payload into events at blank lines; ignores carriage returns.
static void take_payload(
    struct answer *a, const char *bytes, size_t count,
    void (*on_event)(const char *event, unsigned count)) {
    const char *end = bytes + count;
    while (bytes < end) {
        if (*bytes == '\n' && a->line_start) {
            if (a->in_event) {
                a->events++;
                if (a->event_length >= 12 && memcmp(a->event, "data: [DONE]", 12) == 0) {
                    a->says_done = true;
                }
                on_event(a->event, a->event_length);
            }
            a->in_event = false;
            a->event_length = 0;
            bytes++;
            continue;
        }
        if (*bytes == '\r') {
            bytes++;
            continue;
        }
        const char *line_end = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *stop = line_end == NULL ? end : line_end;
        size_t length = (size_t)(stop - bytes);
        size_t room = sizeof a->event - a->event_length;
        size_t kept = length < room ? length : room;
        memcpy(a->event + a->event_length, bytes, kept);
        a->event_length += (unsigned)kept;
        a->in_event = true;
        a->line_start = line_end != NULL;
        bytes = line_end == NULL ? end : line_end + 1;
    }
}

size_t answer_take(
    struct answer *a, const char *bytes, size_t count,
    void (*on_event)(const char *event, unsigned count)) {
    size_t at = 0;
    while (at < count && a->state != COMPLETE && a->state != BROKEN) {
        switch (a->state) {
        case IN_HEAD:
            at += take_head(a, bytes + at, count - at);
            break;
        case IN_LENGTH:
        case IN_CHUNK: {
            size_t part = count - at < a->left ? count - at : (size_t)a->left;
            take_payload(a, bytes + at, part, on_event);
            at += part;
            a->left -= part;
            if (a->left == 0) a->state = a->state == IN_LENGTH ? COMPLETE : IN_CHUNK_END;
            break;
        }
        case IN_CHUNK_SIZE: {
            char c = bytes[at++];
            if (c == '\n') {
                a->state = a->left == 0 ? IN_TRAILER : IN_CHUNK;
                a->line_start = a->left == 0 ? true : a->line_start;
            } else if (c >= '0' && c <= '9') {
                a->left = a->left * 16 + (uint64_t)(c - '0');
            } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
                a->left = a->left * 16 + (uint64_t)((c | 32) - 'a' + 10);
            } else if (c != '\r') {
                a->state = BROKEN;
            }
            break;
        }
        case IN_CHUNK_END:
            if (bytes[at++] == '\n') {
                a->state = IN_CHUNK_SIZE;
                a->left = 0;
            }
            break;
        case IN_TRAILER: {
            char c = bytes[at++];
            if (c == '\n') {
                if (a->line_start) a->state = COMPLETE;
                a->line_start = true;
            } else if (c != '\r') {
                a->line_start = false;
            }
            break;
        }
        case COMPLETE:
        case BROKEN:
            break;
        }
    }
    return at;
}
