// SPDX-License-Identifier: Apache-2.0
//
// Puts load on an HTTP/1.1 server and says what it cost: one line of JSON on standard output.
//
// usage: load-generator rr|rate|sse|idle --port N [options]
//        load-generator spin CPU…
//
//   rr    closed loop: each connection sends its next request when it has its answer
//   rate  open loop: requests are due on a fixed schedule, and their time counts from when they
//         were due, so that a server that stalls is not spared the requests it held up
//   sse   each connection reads one event stream after another
//   idle  connections that say nothing
//   spin  keeps the named CPUs from halting, at the lowest priority there is, until it is ended
//
//   --connections N   (64)    --seconds S (5)   --warmup S (1)   --rate R (2000)
//   --body FILE       what is sent with POST to --path (/v1/chat/completions)
//   --pids a,b,c      processes whose CPU time over the measured window is reported
//   --count FILE      a count of allocations (see CountingAllocator) reported likewise

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "histogram.h"

enum { PIDS_MAX = 64, SECOND = 1000 * 1000 * 1000 };

struct connection {
    int fd;
    bool busy;
    uint64_t started;
    struct answer answer;
};

static struct {
    const char *mode;
    const char *path;
    const char *count_file;
    int port;
    int connections;
    double seconds, warmup, rate;
    int pids[PIDS_MAX];
    int pid_count;
} options = {
    .path = "/v1/chat/completions", .connections = 64, .seconds = 5, .warmup = 1, .rate = 2000};

static char *request;
static size_t request_length;
static struct connection *all;
static int poller;
static bool measures;
static uint64_t now;

static struct histogram times;   // of requests, or of events on their way
static struct histogram firsts;  // to the first event of a stream
static uint64_t requests, events, errors;
static volatile uint64_t *allocations;

static uint64_t clock_of(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t monotonic(void) { return clock_of(CLOCK_MONOTONIC); }

static uint64_t cpu_of_pids(void) {
    uint64_t sum = 0;
    for (int i = 0; i < options.pid_count; i++) {
        clockid_t id;
        if (clock_getcpuclockid(options.pids[i], &id) == 0) sum += clock_of(id);
    }
    return sum;
}

static void fail(const char *what) {
    fprintf(stderr, "load-generator: %s: %m\n", what);
    exit(1);
}

static void open_connection(struct connection *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
    c->busy = false;
}

static void send_request(struct connection *c, uint64_t started) {
    answer_reset(&c->answer);
    c->busy = true;
    c->started = started;
    if (send(c->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) {
        // The loads are far smaller than a socket buffer: a short write is a lost connection,
        // which the read that follows meets too.
        errors++;
    }
}

// An event was read; its id holds the clock at which the upstream wrote it.
static void on_event(const char *event, unsigned count) {
    static const char front[] = "data: {\"id\":\"chatcmpl-";
    if (!measures) return;
    events++;
    if (count < sizeof front - 1 + 16 || memcmp(event, front, sizeof front - 1) != 0) return;
    char digits[17] = {0};
    memcpy(digits, event + sizeof front - 1, 16);
    uint64_t written = strtoull(digits, NULL, 16);
    if (written > 0 && written < now && now - written < 600ull * SECOND) {
        observe(&times, now - written);
    }
}

static bool sse(void) { return options.mode[0] == 's'; }

static void ended(struct connection *c) {
    c->busy = false;
    bool good = c->answer.state == COMPLETE && c->answer.status == 200 &&
                (!sse() || c->answer.says_done);
    if (!good) errors++;
    if (measures) {
        requests++;
        if (!sse()) observe(&times, now - c->started);
    }
}

// Reads what is there; opens the connection anew when it was lost.
static void receive(struct connection *c) {
    static char bytes[256 * 1024];
    ssize_t count = recv(c->fd, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        if (c->busy) errors++;
        close(c->fd);
        open_connection(c);
        if (options.mode[1] != 'a' && options.mode[0] != 'i') send_request(c, now);
        return;
    }
    if (!c->busy) return;
    uint64_t before = c->answer.events;
    answer_take(&c->answer, bytes, (size_t)count, on_event);
    if (measures && before == 0 && c->answer.events > 0) observe(&firsts, now - c->started);
    if (c->answer.state != COMPLETE && c->answer.state != BROKEN) return;
    ended(c);
    if (c->answer.state == BROKEN) {
        close(c->fd);
        open_connection(c);
    }
    if (options.mode[1] != 'a') send_request(c, now);
}

static int wait_for(struct epoll_event *list, int most, uint64_t until) {
    uint64_t at = monotonic();
    uint64_t left = until > at ? until - at : 0;
    int count = -1;
#ifdef SYS_epoll_pwait2
    struct timespec limit = {(time_t)(left / SECOND), (long)(left % SECOND)};
    count = (int)syscall(SYS_epoll_pwait2, poller, list, most, &limit, NULL, 0);
    if (count < 0 && errno == ENOSYS)
#endif
        count = epoll_wait(poller, list, most, (int)((left + 999999) / 1000000));
    now = monotonic();
    return count;
}

// Runs the load until `until`. With a schedule, requests that are due wait for a free connection
// and their time counts all the same.
static void run(uint64_t until) {
    static uint64_t due;
    static int turn;
    struct epoll_event list[256];
    bool scheduled = strcmp(options.mode, "rate") == 0;
    uint64_t gap = (uint64_t)(SECOND / options.rate);
    now = monotonic();
    if (due == 0) due = now;
    while (now < until) {
        int count = wait_for(list, 256, scheduled && due < until ? due : until);
        for (int i = 0; i < count; i++) receive(list[i].data.ptr);
        if (!scheduled) continue;
        for (int looked = 0; due <= now && looked < options.connections; looked++) {
            struct connection *c = &all[turn];
            turn = (turn + 1) % options.connections;
            if (c->busy) continue;
            send_request(c, due);
            due += gap;
            looked = -1;
        }
    }
}

static void make_request(const char *body_file) {
    size_t length = 0;
    char *body = NULL;
    if (body_file != NULL) {
        FILE *file = fopen(body_file, "r");
        if (file == NULL) fail(body_file);
        fseek(file, 0, SEEK_END);
        length = (size_t)ftell(file);
        rewind(file);
        body = malloc(length + 1);
        if (fread(body, 1, length, file) != length) fail(body_file);
        fclose(file);
    }
    request = malloc(length + 1024);
    int head = body == NULL
        ? snprintf(request, 1024, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", options.path,
                   options.port)
        : snprintf(request, 1024,
                   "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                   "User-Agent: OpenAI/Python 1.99.0\r\nAccept: application/json\r\n"
                   "Accept-Encoding: identity\r\nAuthorization: Bearer sk-0123456789abcdef\r\n"
                   "X-Stainless-Lang: python\r\nX-Stainless-Runtime: CPython\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   options.path, options.port, length);
    if (body != NULL) memcpy(request + head, body, length);
    request_length = (size_t)head + length;
}

static void report(double seconds, uint64_t cpu, uint64_t made) {
    printf(
        "{\"seconds\":%.4f,\"requests\":%llu,\"events\":%llu,\"errors\":%llu,\"cpu_ns\":%llu,"
        "\"allocations\":%llu",
        seconds, (unsigned long long)requests, (unsigned long long)events,
        (unsigned long long)errors, (unsigned long long)cpu, (unsigned long long)made);
    const double shares[] = {0.5, 0.9, 0.99, 0.999};
    const char *names[] = {"p50", "p90", "p99", "p999"};
    for (int i = 0; i < 4; i++) {
        printf(",\"%s_us\":%.1f", names[i], (double)quantile(&times, shares[i]) / 1000);
    }
    printf(",\"first_p50_us\":%.1f", (double)quantile(&firsts, 0.5) / 1000);
    printf(",\"first_p99_us\":%.1f}\n", (double)quantile(&firsts, 0.99) / 1000);
}

static void spin(int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        if (fork() != 0) continue;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(atoi(argv[i]), &set);
        sched_setaffinity(0, sizeof set, &set);
        struct sched_param none = {0};
        sched_setscheduler(0, SCHED_IDLE, &none);
        pid_t parent = getppid();
        for (uint64_t i = 0;; i++) {
            __asm__ volatile("" : : "r"(i));
            if ((i & 0xFFFFFF) == 0 && getppid() != parent) _exit(0);
        }
    }
    pause();
    exit(0);
}

static void read_options(int argc, char **argv) {
    const char *body = NULL;
    options.mode = argc > 1 ? argv[1] : "";
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--port") == 0) options.port = atoi(value);
        else if (strcmp(name, "--connections") == 0) options.connections = atoi(value);
        else if (strcmp(name, "--seconds") == 0) options.seconds = atof(value);
        else if (strcmp(name, "--warmup") == 0) options.warmup = atof(value);
        else if (strcmp(name, "--rate") == 0) options.rate = atof(value);
        else if (strcmp(name, "--path") == 0) options.path = value;
        else if (strcmp(name, "--body") == 0) body = value;
        else if (strcmp(name, "--count") == 0) options.count_file = value;
        else if (strcmp(name, "--pids") == 0) {
            char *list = strdup(value), *rest = NULL;
            for (char *p = strtok_r(list, ",", &rest); p && options.pid_count < PIDS_MAX;
                 p = strtok_r(NULL, ",", &rest)) {
                options.pids[options.pid_count++] = atoi(p);
            }
        } else {
            fprintf(stderr, "load-generator: unknown option %s\n", name);
            exit(2);
        }
    }
    bool known = strcmp(options.mode, "rr") == 0 || strcmp(options.mode, "rate") == 0 ||
                 strcmp(options.mode, "sse") == 0 || strcmp(options.mode, "idle") == 0;
    if (!known || options.port == 0) {
        fprintf(stderr, "usage: load-generator rr|rate|sse|idle --port N [options]\n");
        exit(2);
    }
    make_request(body);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "spin") == 0) spin(argc, argv);
    read_options(argc, argv);
    if (options.count_file != NULL) {
        int file = open(options.count_file, O_RDONLY);
        if (file < 0) fail(options.count_file);
        allocations = mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, file, 0);
        if (allocations == MAP_FAILED) fail(options.count_file);
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    poller = epoll_create1(EPOLL_CLOEXEC);
    all = calloc((size_t)options.connections, sizeof *all);
    now = monotonic();
    bool starts = strcmp(options.mode, "rr") == 0 || sse();
    uint64_t warm = (uint64_t)(options.warmup * SECOND);
    for (int i = 0; i < options.connections; i++) {
        open_connection(&all[i]);
        if (!starts) continue;
        // Streams begin spread over the first half of the warm-up, not all in one instant.
        if (sse()) run(monotonic() + warm / 2 / (uint64_t)options.connections);
        send_request(&all[i], monotonic());
    }
    run(monotonic() + warm);
    uint64_t cpu = cpu_of_pids(), made = allocations == NULL ? 0 : *allocations;
    uint64_t start = monotonic();
    errors = 0;
    measures = true;
    run(start + (uint64_t)(options.seconds * SECOND));
    uint64_t stop = monotonic();
    measures = false;
    cpu = cpu_of_pids() - cpu;
    made = allocations == NULL ? 0 : *allocations - made;
    report((double)(stop - start) / SECOND, cpu, made);
    return 0;
}
