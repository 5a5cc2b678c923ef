// SPDX-License-Identifier: Apache-2.0

#ifndef COUNTING_ALLOCATOR_H
#define COUNTING_ALLOCATOR_H

#include <stdint.h>

/// Calls of malloc, calloc, realloc and aligned allocations of this process so far.
///
/// Whatever is linked with this library, or started with it in LD_PRELOAD, allocates through it.
uint64_t allocations_so_far(void);

#endif
