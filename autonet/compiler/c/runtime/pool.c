/* The runtime library, part 1: a pool of threads, for all plans of the process.
 *
 * A loop over n is cut into pieces of `grain`; each thread owns a run of consecutive pieces (so that its core's cache
 * meets the same rows again in the next loop), and helps the others when its own are done. A thread without work spins
 * for AN_SPIN_US microseconds, then sleeps in the kernel: between the loops of one step it is awake, and BLAS's own
 * spinning threads, Python, or another process get the core soon after. The caller works as well, and
 * never waits for a thread to wake up, only for pieces that one has begun.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define AN_MOST_THREADS 64
#ifndef AN_SPIN_US
#define AN_SPIN_US 100
#endif

static struct {
    _Alignas(128) _Atomic uint32_t generation; /* a number for each loop; sleepers wait for it to change */
    _Atomic uint32_t sleepers;
    _Alignas(128) _Atomic int64_t pending; /* pieces not finished */
    _Alignas(128) _Atomic int busy;        /* a plan holds the pool */
    _Atomic int resting;                   /* nothing will come soon: sleep at once */
    _Atomic int width;                     /* threads that have a run of pieces */
    int threads, started, prepared;        /* wanted, the caller counted; running, without it */
    an_body body;
    void *context;
    int64_t n, grain;
    struct {
        _Alignas(128) _Atomic uint64_t pieces; /* next << 32 | end, of each thread's own run */
    } own[AN_MOST_THREADS];
} pool = {.threads = 1};

static _Thread_local int inside; /* a body that asks for a loop gets it in its own thread */

/* ---- the system --------------------------------------------------------------------------------------------- */

#if defined(__x86_64__) || defined(__i386__)
#define AN_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define AN_PAUSE() __asm__ volatile("isb" ::: "memory")
#else
#define AN_PAUSE() ((void)0)
#endif

#ifdef _WIN32
static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
static void yield(void) { SwitchToThread(); }
static int64_t microseconds(void) {
    LARGE_INTEGER now, frequency;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return now.QuadPart / (frequency.QuadPart / 1000000 ? frequency.QuadPart / 1000000 : 1);
}
static void sleep_while(uint32_t seen) {
    AcquireSRWLockExclusive(&lock);
    while (atomic_load(&pool.generation) == seen) SleepConditionVariableSRW(&changed, &lock, INFINITE, 0);
    ReleaseSRWLockExclusive(&lock);
}
static void wake(int64_t most) {
    (void)most;
    AcquireSRWLockExclusive(&lock);
    ReleaseSRWLockExclusive(&lock);
    WakeAllConditionVariable(&changed);
}
#else
static void yield(void) { sched_yield(); }
static int64_t microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
#ifdef __linux__
static void sleep_while(uint32_t seen) {
    syscall(SYS_futex, &pool.generation, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0); /* returns at once if it changed */
}
static void wake(int64_t most) {
    syscall(SYS_futex, &pool.generation, FUTEX_WAKE_PRIVATE, (int)most, NULL, NULL, 0);
}
#else
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static void sleep_while(uint32_t seen) {
    pthread_mutex_lock(&lock);
    while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}
static void wake(int64_t most) {
    (void)most;
    pthread_mutex_lock(&lock); /* whoever saw the old number is waiting by now */
    pthread_mutex_unlock(&lock);
    pthread_cond_broadcast(&changed);
}
#endif
#endif

/* ---- pieces ------------------------------------------------------------------------------------------------- */

static void piece(an_body body, void *context, int64_t n, int64_t grain, int64_t i) {
    int64_t begin = i * grain, end = n - begin < grain ? n : begin + grain;
    body(context, begin, end);
}

/* One word holds all that a claim depends on, so a thread that comes late, even into another loop, takes either nothing
 * or a piece that is still open; the loop's other fields are read after the claim, and cannot change before its end. */
static int claim(int owner, int64_t *index) {
    uint64_t word = atomic_load_explicit(&pool.own[owner].pieces, memory_order_acquire);
    while ((uint32_t)(word >> 32) < (uint32_t)word)
        if (atomic_compare_exchange_weak_explicit(&pool.own[owner].pieces, &word, word + (1ULL << 32),
                                                  memory_order_acq_rel, memory_order_acquire)) {
            *index = (int64_t)(word >> 32);
            return 1;
        }
    return 0;
}

static void work(int me, int threads) {
    int64_t index;
    inside = 1;
    for (int turn = 0; turn < threads; turn++)
        for (int owner = (me + turn) % threads; claim(owner, &index);) {
            piece(pool.body, pool.context, pool.n, pool.grain, index);
            atomic_fetch_sub_explicit(&pool.pending, 1, memory_order_acq_rel);
        }
    inside = 0;
}

static void serve(int me) {
    uint32_t seen = 0;
    for (;;) {
        int64_t until = 0;
        for (unsigned turn = 1; atomic_load_explicit(&pool.generation, memory_order_acquire) == seen; turn++) {
            AN_PAUSE();
            if (turn % 64) continue;
            int64_t now = microseconds();
            if (!until) until = now + AN_SPIN_US;
            if (now < until && !atomic_load_explicit(&pool.resting, memory_order_relaxed)) continue;
            atomic_fetch_add(&pool.sleepers, 1);
            sleep_while(seen);
            atomic_fetch_sub(&pool.sleepers, 1);
            until = 0;
        }
        seen = atomic_load_explicit(&pool.generation, memory_order_acquire);
        int width = atomic_load_explicit(&pool.width, memory_order_relaxed);
        if (me < width) work(me, width); /* else fewer threads are wanted now */
    }
}

#ifdef _WIN32
static DWORD WINAPI thread(void *me) { serve((int)(intptr_t)me); return 0; }
static int start(int me) {
    HANDLE handle = CreateThread(NULL, 0, thread, (void *)(intptr_t)me, 0, NULL);
    if (!handle) return 0;
    CloseHandle(handle);
    return 1;
}
static void prepare(void) {}
#else
static void *thread(void *me) { serve((int)(intptr_t)me); return NULL; }
static int start(int me) {
    pthread_t handle;
    sigset_t all, before; /* signals, Ctrl-C among them, are for Python's threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t about;
    pthread_attr_init(&about);
    pthread_attr_setstacksize(&about, 1 << 20); /* some C libraries give 128 KB */
    int failed = pthread_create(&handle, &about, thread, (void *)(intptr_t)me);
    pthread_attr_destroy(&about);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return 0;
    pthread_detach(handle); /* process exit ends them, asleep or not */
    return 1;
}
/* A forked child has the caller's thread alone: it starts others when it needs them. */
static void forked(void) {
    pool.started = 0;
    inside = 0;
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.busy, 0);
    atomic_store(&pool.pending, 0);
    for (int i = 0; i < AN_MOST_THREADS; i++) atomic_store(&pool.own[i].pieces, 0);
}
static void prepare(void) { pthread_atfork(NULL, NULL, forked); }
#endif

/* ---- services ----------------------------------------------------------------------------------------------- */

static void an_parallel(an_body body, void *context, int64_t n, int64_t grain) {
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    int64_t pieces = (n + grain - 1) / grain;
    if (pieces > INT32_MAX) { grain = n / INT32_MAX + 1; pieces = (n + grain - 1) / grain; }
    int free = 0;
    if (pieces == 1 || pool.threads == 1 || inside || !atomic_compare_exchange_strong(&pool.busy, &free, 1)) {
        for (int64_t i = 0; i < pieces; i++) piece(body, context, n, grain, i);
        return;
    }
    if (pool.started + 1 < pool.threads) {
        if (!pool.prepared) prepare(), pool.prepared = 1;
        while (pool.started + 1 < pool.threads && start(pool.started + 1)) pool.started++;
    }
    int threads = pool.threads < pool.started + 1 ? pool.threads : pool.started + 1;
    pool.body = body, pool.context = context, pool.n = n, pool.grain = grain;
    atomic_store_explicit(&pool.pending, pieces, memory_order_relaxed);
    atomic_store_explicit(&pool.resting, 0, memory_order_relaxed);
    atomic_store_explicit(&pool.width, threads, memory_order_relaxed);
    for (int64_t i = 0; i < threads; i++) {
        uint64_t first = (uint64_t)(i * pieces / threads), end = (uint64_t)((i + 1) * pieces / threads);
        atomic_store_explicit(&pool.own[i].pieces, first << 32 | end, memory_order_release);
    }
    atomic_fetch_add(&pool.generation, 1);
    if (atomic_load(&pool.sleepers)) /* which ones wake is the system's choice: if some are not wanted, all */
        wake(threads < pool.started + 1 ? pool.started : pieces - 1 < threads - 1 ? pieces - 1 : threads - 1);
    work(0, threads);
    for (unsigned turn = 1; atomic_load_explicit(&pool.pending, memory_order_acquire); turn++) {
        AN_PAUSE();
        if (turn > 4096) yield(); /* a thread with an open piece has lost its core */
    }
    atomic_store(&pool.busy, 0);
}

static void an_rest(void) { atomic_store_explicit(&pool.resting, 1, memory_order_relaxed); }

/* Memory of the calling thread, 64-byte aligned, for two uses. It only grows; the thread's end frees it. */
static _Thread_local struct { char *memory; int64_t size; } own_memory[2];
#ifdef _WIN32
static void keep(int use, char *memory) { (void)use, (void)memory; }
#else
static pthread_key_t memory_keys[2];
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;
static void memory_start(void) {
    for (int use = 0; use < 2; use++) pthread_key_create(&memory_keys[use], free);
}
static void keep(int use, char *memory) {
    pthread_once(&memory_once, memory_start);
    pthread_setspecific(memory_keys[use], memory);
}
#endif
static void *memory_of_thread(int use, int64_t bytes) {
    if (bytes > own_memory[use].size) {
        keep(use, NULL);
        free(own_memory[use].memory);
        own_memory[use].size = bytes + bytes / 4;
        own_memory[use].memory = malloc((size_t)own_memory[use].size + 64);
        if (!own_memory[use].memory) abort(); /* out of memory, as NumPy would have it: but there is no one to tell */
        keep(use, own_memory[use].memory);
    }
    return (void *)(((uintptr_t)own_memory[use].memory + 63) & ~(uintptr_t)63);
}
static void *an_scratch(int64_t bytes) { return memory_of_thread(0, bytes); }
static void *an_packing(int64_t bytes) { return memory_of_thread(1, bytes); }
