// SPDX-License-Identifier: Apache-2.0
//
// A model server that costs nearly nothing: the far end of every measurement.
//
// usage: mock-upstream --port N [--chunks N] [--interval-us N]
//
// It answers every request with one chat completion of about 600 bytes, or, when the body asks
// for a stream, with that many events of about 240 bytes, one each interval. Each event's id
// carries the monotonic clock at which it was written, so that the reader on the same machine
// knows how long it was on the way. One thread, one epoll, no allocation per request.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_MAX = 512 * 1024, CONNECTIONS_MAX = 65536 };

struct connection {
    int fd;
    bool streams;      // an answer is being streamed
    bool asked_usage;  // the stream shall end with a usage event
    int sent;          // events of the stream so far
    int place;         // in the heap of waiting streams, -1 when not there
    uint64_t due;      // when the next event is due
    size_t length;     // bytes in `input`
    size_t capacity;
    char *input;
};

static int chunks = 64;
static uint64_t interval = 20 * 1000 * 1000;
static int poller;
static struct connection *heap[CONNECTIONS_MAX];
static int waiting;

static uint64_t monotonic(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// The heap of streams by the time their next event is due.

static void put(int place, struct connection *c) {
    heap[place] = c;
    c->place = place;
}

static void rise(int place, struct connection *c) {
    while (place > 0 && heap[(place - 1) / 2]->due > c->due) {
        put(place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(place, c);
}

static void sink(int place, struct connection *c) {
    for (;;) {
        int child = place * 2 + 1;
        if (child >= waiting) break;
        if (child + 1 < waiting && heap[child + 1]->due < heap[child]->due) child++;
        if (heap[child]->due >= c->due) break;
        put(place, heap[child]);
        place = child;
    }
    put(place, c);
}

static void enqueue(struct connection *c) { rise(waiting++, c); }

static void dequeue(struct connection *c) {
    int place = c->place;
    c->place = -1;
    struct connection *last = heap[--waiting];
    if (last == c) return;
    sink(place, last);
    rise(last->place, last);
}

static void end(struct connection *c) {
    if (c->place >= 0) dequeue(c);
    close(c->fd);
    free(c->input);
    free(c);
}

// Writes all of it or answers false. Answers are far smaller than a socket buffer, so a peer
// that lets one fill up is not reading, and is given up.
static bool write_all(struct connection *c, const char *bytes, size_t count) {
    return send(c->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

static bool answer_document(struct connection *c) {
    static char whole[1024];
    static int count;
    if (count == 0) {
        const char *body =
            "{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion\","
            "\"created\":1700000000,\"model\":\"mock-model-1\",\"choices\":[{\"index\":0,"
            "\"message\":{\"role\":\"assistant\",\"content\":\"The quick brown fox jumps over "
            "the lazy dog, and the mesh counts its tokens on the way.\"},\"logprobs\":null,"
            "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":230,"
            "\"completion_tokens\":24,\"total_tokens\":254,\"prompt_tokens_details\":"
            "{\"cached_tokens\":128}},\"system_fingerprint\":\"mock\"}";
        count = snprintf(
            whole, sizeof whole,
            "HTTP/1.1 200 OK\r\nserver: mock\r\ncontent-type: application/json\r\n"
            "content-length: %zu\r\n\r\n%s",
            strlen(body), body);
    }
    return write_all(c, whole, (size_t)count);
}

static int event(char *out, size_t room, const char *choices, const char *more) {
    char text[384];
    int count = snprintf(
        text, sizeof text,
        "data: {\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion.chunk\","
        "\"created\":1700000000,\"model\":\"mock-model-1\",\"system_fingerprint\":\"mock\","
        "\"choices\":[%s]%s}\n\n",
        (unsigned long long)monotonic(), choices, more);
    return snprintf(out, room, "%x\r\n%s\r\n", (unsigned)count, text);
}

// The next event of a stream; behind the last one also what ends it.
static bool continue_stream(struct connection *c) {
    char out[2048];
    int count;
    if (c->sent < chunks) {
        count = event(
            out, sizeof out,
            "{\"index\":0,\"delta\":{\"content\":\" token and\"},\"logprobs\":null,"
            "\"finish_reason\":null}",
            "");
        c->sent++;
        if (c->sent < chunks) {
            dequeue(c);
            c->due += interval;
            enqueue(c);
            return write_all(c, out, (size_t)count);
        }
    } else {
        count = 0;
    }
    count += event(
        out + count, sizeof out - (size_t)count,
        "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}", "");
    if (c->asked_usage) {
        count += event(
            out + count, sizeof out - (size_t)count, "",
            ",\"usage\":{\"prompt_tokens\":230,\"completion_tokens\":64,\"total_tokens\":294}");
    }
    count += snprintf(
        out + count, sizeof out - (size_t)count, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    dequeue(c);
    c->streams = false;
    return write_all(c, out, (size_t)count);
}

static bool begin_stream(struct connection *c, bool asked_usage) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\nserver: mock\r\ncontent-type: text/event-stream\r\n"
        "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
    c->streams = true;
    c->asked_usage = asked_usage;
    c->sent = 0;
    c->due = monotonic() + interval;
    enqueue(c);
    return write_all(c, head, sizeof head - 1);
}

static bool has(const char *bytes, size_t count, const char *text) {
    return memmem(bytes, count, text, strlen(text)) != NULL;
}

// Answers every request that is whole; false when the connection is to be ended.
static bool answer_requests(struct connection *c) {
    while (c->length > 0 && !c->streams) {
        char *head_end = memmem(c->input, c->length, "\r\n\r\n", 4);
        if (head_end == NULL) return c->length < c->capacity;
        size_t head = (size_t)(head_end - c->input) + 4;
        *head_end = 0;
        const char *field = strcasestr(c->input, "\r\ncontent-length:");
        const char *coding = strcasestr(c->input, "\r\ntransfer-encoding:");
        *head_end = '\r';
        size_t whole = head + (field == NULL ? 0 : strtoul(field + 17, NULL, 10));
        if (coding != NULL) {
            // No load of ours uses chunks, but a proxy may: its end is looked for, no more.
            char *last = memmem(c->input + head, c->length - head, "0\r\n\r\n", 5);
            if (last == NULL) return c->length < c->capacity;
            whole = (size_t)(last - c->input) + 5;
        }
        if (whole > c->capacity) {
            if (whole > INPUT_MAX) return false;
            c->capacity = whole;
            c->input = realloc(c->input, whole + 1);
        }
        if (c->length < whole) return true;
        const char *body = c->input + head;
        size_t count = whole - head;
        bool streams =
            has(body, count, "\"stream\":true") || has(body, count, "\"stream\": true");
        bool good = streams ? begin_stream(c, has(body, count, "include_usage"))
                            : answer_document(c);
        if (!good) return false;
        c->length -= whole;
        memmove(c->input, c->input + whole, c->length);
    }
    return true;
}

static void take(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->place = -1;
        c->capacity = 4096;
        c->input = malloc(c->capacity + 1);
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static void serve(struct connection *c) {
    ssize_t count = recv(c->fd, c->input + c->length, c->capacity - c->length, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        end(c);
        return;
    }
    c->length += (size_t)count;
    if (!answer_requests(c)) end(c);
}

// Waits for events until the next one of a stream is due, to the nanosecond where the kernel can.
static int wait_for(struct epoll_event *events, int most) {
    if (waiting == 0) return epoll_wait(poller, events, most, -1);
    uint64_t now = monotonic();
    uint64_t left = heap[0]->due > now ? heap[0]->due - now : 0;
#ifdef SYS_epoll_pwait2
    struct timespec limit = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    long count = syscall(SYS_epoll_pwait2, poller, events, most, &limit, NULL, 0);
    if (count >= 0 || errno != ENOSYS) return (int)count;
#endif
    return epoll_wait(poller, events, most, (int)((left + 999999) / 1000000));
}

static long number(int argc, char **argv, const char *name, long otherwise) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) == 0) return atol(argv[i + 1]);
    }
    return otherwise;
}

int main(int argc, char **argv) {
    long port = number(argc, argv, "--port", 0);
    if (port <= 0 || argc % 2 == 0) {
        fprintf(stderr, "usage: mock-upstream --port N [--chunks N] [--interval-us N]\n");
        return 2;
    }
    chunks = (int)number(argc, argv, "--chunks", chunks);
    interval = (uint64_t)number(argc, argv, "--interval-us", 20000) * 1000;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files = {CONNECTIONS_MAX, CONNECTIONS_MAX};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 4096) < 0) {
        fprintf(stderr, "mock-upstream: cannot listen on 127.0.0.1:%ld: %m\n", port);
        return 1;
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);

    struct epoll_event events[256];
    for (;;) {
        int count = wait_for(events, 256);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (c == NULL) {
                take(listener);
            } else {
                serve(c);
            }
        }
        // Only connections of this one list are ended below, so none is met twice.
        uint64_t now = monotonic();
        while (waiting > 0 && heap[0]->due <= now) {
            struct connection *c = heap[0];
            if (!continue_stream(c)) {
                end(c);
            } else if (!c->streams && c->length > 0 && !answer_requests(c)) {
                end(c);
            }
        }
    }
}
