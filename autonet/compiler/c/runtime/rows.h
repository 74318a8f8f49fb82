/* Rows of tables that lookups met, grouped: see passes/rows.py. Plans that update rows take this text in. */

AN_INLINE uint64_t an_first_slot(int64_t row, int64_t slots) {
    uint64_t mixed = (uint64_t)row * 0x9E3779B97F4A7C15u; /* Fibonacci hashing: Knuth, volume 3, section 6.4 */
    return (mixed ^ mixed >> 32) & (uint64_t)(slots - 1);
}

/* The group of a row, -1 if it was not met. table (slots,): open addressing; slots are a power of two. */
AN_INLINE int64_t an_group_of(const int32_t *table, int64_t slots, const int64_t *rows, int64_t row) {
    for (uint64_t h = an_first_slot(row, slots);; h = (h + 1) & (uint64_t)(slots - 1)) {
        if (table[h] < 0 || rows[table[h]] == row) return table[h];
    }
}

/* Groups the equal ones among the row numbers at[0], ..., at[size - 1]: how many groups. Group u has the row rows[u] and
 * the positions first[u], next[first[u]], ... in order, -1 after the last. tails (size,): for use in here. */
AN_STATIC int64_t an_group_rows(const int64_t *restrict at, int64_t size, int32_t *restrict table, int64_t slots,
                                int64_t *restrict rows, int32_t *restrict first, int32_t *restrict next,
                                int32_t *restrict tails) {
    int64_t count = 0;
    memset(table, 0xff, (size_t)slots * sizeof *table);
    for (int64_t k = 0; k < size; k++) {
        uint64_t h = an_first_slot(at[k], slots);
        while (table[h] >= 0 && rows[table[h]] != at[k]) h = (h + 1) & (uint64_t)(slots - 1);
        int32_t u = table[h];
        next[k] = -1;
        if (u < 0) {
            table[h] = (int32_t)count;
            rows[count] = at[k];
            first[count] = tails[count] = (int32_t)k;
            count++;
        } else {
            next[tails[u]] = (int32_t)k;
            tails[u] = (int32_t)k;
        }
    }
    return count;
}
