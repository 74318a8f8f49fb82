/* Uniform draws, bit for bit those of np.random.Generator(np.random.Philox(key=key, counter=counter)).random(n, dtype).
 *
 * Philox4x64-10 (Salmon, Moraes, Dror, Shaw, 2011, https://doi.org/10.1145/2063384.2063405): block b of four 64-bit
 * words is a function of (key, counter + b + 1), so any piece of a draw can be made by itself, on any thread.
 */
#ifndef AN_RANDOM_H
#define AN_RANDOM_H
#include "base.h"

#define AN_BLOCKS 16 /* made at a time, so that their chains of ten rounds overlap */

#if defined(__AVX2__) || defined(__AVX512F__)
/* gcc does not see that a product of 64-bit lanes with empty upper halves is one instruction. */
typedef uint64_t an_words __attribute__((vector_size(AN_BYTES)));
AN_INLINE an_words an_product(an_words a, an_words b) {
    an_words r;
    __asm__("vpmuludq %2, %1, %0" : "=v"(r) : "v"(a), "v"(b));
    return r;
}
AN_INLINE void an_multiply(uint64_t constant, an_words x, an_words *high, an_words *low) {
    an_words zero = {0}, c0 = zero + (constant & 0xffffffffU), c1 = zero + (constant >> 32), x1 = x >> 32;
    an_words lowest = an_product(c0, x), up = an_product(c1, x) + (lowest >> 32);
    an_words down = an_product(c0, x1) + (up & 0xffffffffU);
    *high = an_product(c1, x1) + (up >> 32) + (down >> 32);
    *low = (down << 32) | (lowest & 0xffffffffU);
}
#else
typedef uint64_t an_words;
AN_INLINE void an_multiply(uint64_t constant, an_words x, an_words *high, an_words *low) {
    *high = (uint64_t)(((unsigned __int128)constant * x) >> 64);
    *low = constant * x;
}
#endif
#define AN_GROUPS (AN_BLOCKS * 8 / (int)sizeof(an_words))

/* words[4 i + j] = word j of block `block` + i */
AN_INLINE void an_philox(const uint64_t key[2], const uint64_t counter[4], uint64_t block,
                         uint64_t words[4 * AN_BLOCKS]) {
    uint64_t c[4][AN_BLOCKS];
    an_words v[4][AN_GROUPS];
    for (int i = 0; i < AN_BLOCKS; i++) { /* the 256-bit sum counter + block + i + 1 */
        uint64_t step = block + (uint64_t)i + 1;
        c[0][i] = counter[0] + step;
        uint64_t carry = c[0][i] < step;
        c[1][i] = counter[1] + carry;
        carry &= c[1][i] == 0;
        c[2][i] = counter[2] + carry;
        carry &= c[2][i] == 0;
        c[3][i] = counter[3] + carry;
    }
    memcpy(v, c, sizeof v);
    uint64_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < AN_GROUPS; i++) {
            an_words high0, low0, high1, low1;
            an_multiply(0xD2E7470EE14C6C93ULL, v[0][i], &high0, &low0);
            an_multiply(0xCA5A826395121157ULL, v[2][i], &high1, &low1);
            v[0][i] = high1 ^ v[1][i] ^ k0;
            v[1][i] = low1;
            v[2][i] = high0 ^ v[3][i] ^ k1;
            v[3][i] = low0;
        }
        k0 += 0x9E3779B97F4A7C15ULL; /* the golden ratio, */
        k1 += 0xBB67AE8584CAA73BULL; /* sqrt(3) - 1, in 64 bits */
    }
#if defined(__AVX2__) || defined(__AVX512F__)
    for (int i = 0; i < AN_GROUPS; i++) { /* four vectors, lane by lane */
        an_words a = AN_LOWER_64(v[0][i], v[2][i]), b = AN_UPPER_64(v[0][i], v[2][i]);
        an_words d = AN_LOWER_64(v[1][i], v[3][i]), e = AN_UPPER_64(v[1][i], v[3][i]);
        an_words four[4] = {AN_LOWER_64(a, d), AN_UPPER_64(a, d), AN_LOWER_64(b, e), AN_UPPER_64(b, e)};
        memcpy(words + i * (AN_BYTES / 2), four, sizeof four);
    }
#else
    for (int i = 0; i < AN_BLOCKS; i++)
        for (int j = 0; j < 4; j++) words[4 * i + j] = v[j][i];
#endif
}

/* out[i - begin] = draw i of random(n, dtype=float32), begin <= i < end: 24 bits each, a word's low half first. */
static __attribute__((noinline, unused)) void an_uniform_f32(float *restrict out, int64_t begin, int64_t end,
                                                             const uint64_t key[2], const uint64_t counter[4]) {
    enum { SIZE = 8 * AN_BLOCKS };
    for (int64_t at = begin / 8 * 8; at < end; at += SIZE) {
        uint64_t words[4 * AN_BLOCKS];
        uint32_t halves[SIZE];
        float draws[SIZE];
        an_philox(key, counter, (uint64_t)at / 8, words);
        memcpy(halves, words, sizeof words); /* on little-endian machines: all for which NumPy has wheels */
        for (int i = 0; i < SIZE; i++) draws[i] = (float)(int32_t)(halves[i] >> 8) * (1.0f / 16777216.0f);
        int64_t from = at < begin ? begin - at : 0, to = end - at < SIZE ? end - at : SIZE;
        memcpy(out + (at + from - begin), draws + from, (size_t)(to - from) * sizeof *draws);
    }
}

/* The same for random(n, dtype=float64): 53 bits of each word. */
static __attribute__((noinline, unused)) void an_uniform_f64(double *restrict out, int64_t begin, int64_t end,
                                                             const uint64_t key[2], const uint64_t counter[4]) {
    enum { SIZE = 4 * AN_BLOCKS };
    for (int64_t at = begin / 4 * 4; at < end; at += SIZE) {
        uint64_t words[SIZE];
        double draws[SIZE];
        an_philox(key, counter, (uint64_t)at / 4, words);
        for (int i = 0; i < SIZE; i++) draws[i] = (double)(int64_t)(words[i] >> 11) * (1.0 / 9007199254740992.0);
        int64_t from = at < begin ? begin - at : 0, to = end - at < SIZE ? end - at : SIZE;
        memcpy(out + (at + from - begin), draws + from, (size_t)(to - from) * sizeof *draws);
    }
}
#endif
