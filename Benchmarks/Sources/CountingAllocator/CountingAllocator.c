// SPDX-License-Identifier: Apache-2.0
//
// Counts heap allocations by standing in front of the allocator of glibc.
//
// Preloaded into another process, it also keeps the count in the first eight bytes of the file
// that ALLOCATIONS_FILE names, where whoever measures that process can read it at any time.

#include "CountingAllocator.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static uint64_t own_count;
static uint64_t *count = &own_count;

// Relaxed: the count orders nothing, it must only not lose a step.
static inline void note(void) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }

uint64_t allocations_so_far(void) { return __atomic_load_n(count, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t amount, size_t size) {
    note();
    return __libc_calloc(amount, size);
}

void *realloc(void *old, size_t size) {
    note();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *made = memalign(alignment, size);
    if (made == NULL) return ENOMEM;
    *out = made;
    return 0;
}

__attribute__((constructor)) static void share_count(void) {
    const char *path = getenv("ALLOCATIONS_FILE");
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    if (ftruncate(file, sizeof(uint64_t)) == 0) {
        void *page = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (page != MAP_FAILED) count = page;
    }
    close(file);
}
