// SPDX-License-Identifier: Apache-2.0
// What the Glibc module of Swift leaves out: epoll, eventfd, accept4 and malloc_trim.

#ifndef PINION_C_LINUX_H
#define PINION_C_LINUX_H

#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Declared by the C library only to those who ask for its extensions.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pthread_setname_np(pthread_t, const char *);

#endif
