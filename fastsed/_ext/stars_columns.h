/* Columns of a grid of star models, row after row: which depend on the spectrum or on the dust alone; ranges; bins. */
#ifndef FASTSED_STARS_COLUMNS_H
#define FASTSED_STARS_COLUMNS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 4
#define NO_ID UINT32_MAX

static uint64_t hash_numbers(const double *x, ptrdiff_t n)
{
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (ptrdiff_t k = 0; k < n; k++) {
        uint64_t bits;
        memcpy(&bits, x + k, sizeof bits);
        h = (h ^ bits) * 0xFF51AFD7ED558CCDu;
        h ^= h >> 32;
    }
    return h;
}

/* Rows that differ in some columns (keys): each gets a number, its first row is kept. */
typedef struct {
    ptrdiff_t nkey, ncolumn, n, capacity, limit;
    ptrdiff_t key[MAX_KEYS];
    double *row;     /* [n][ncolumn] */
    double *keys;    /* [n][nkey] */
    uint32_t *table; /* open addressing, a power of two of them */
    uint64_t mask;
    uint8_t *differs; /* [ncolumn] columns that are not functions of the keys */
    int given_up;
} distinct_t;

static int grow_distinct(distinct_t *d)
{
    const ptrdiff_t capacity = d->capacity ? 2 * d->capacity : 1024;
    double *row = realloc(d->row, (size_t)(capacity * d->ncolumn) * sizeof *row);
    if (row)
        d->row = row;
    double *keys = realloc(d->keys, (size_t)(capacity * d->nkey) * sizeof *keys);
    if (keys)
        d->keys = keys;
    uint32_t *table = malloc((size_t)(4 * capacity) * sizeof *table);
    if (!(row && keys && table)) {
        free(table);
        return 0;
    }
    free(d->table);
    d->table = table;
    d->mask = (uint64_t)(4 * capacity) - 1;
    d->capacity = capacity;
    memset(table, 0xFF, (size_t)(4 * capacity) * sizeof *table);
    for (ptrdiff_t i = 0; i < d->n; i++) {
        uint64_t at = hash_numbers(d->keys + i * d->nkey, d->nkey) & d->mask;
        while (table[at] != NO_ID)
            at = (at + 1) & d->mask;
        table[at] = (uint32_t)i;
    }
    return 1;
}

static int same_keys(const distinct_t *d, ptrdiff_t id, const double *key)
{
    for (ptrdiff_t k = 0; k < d->nkey; k++)
        if (!(d->keys[id * d->nkey + k] == key[k]))
            return 0;
    return 1;
}

/* The number of a row; `guess` is tried first. NO_ID without memory. */
static uint32_t distinct_id(distinct_t *d, const double *row, uint32_t guess)
{
    double key[MAX_KEYS];
    for (ptrdiff_t k = 0; k < d->nkey; k++)
        key[k] = row[d->key[k]] + 0.0;
    if (guess < d->n && same_keys(d, guess, key))
        return guess;
    if (d->n >= d->capacity && !grow_distinct(d))
        return NO_ID;
    uint64_t at = hash_numbers(key, d->nkey) & d->mask;
    for (; d->table[at] != NO_ID; at = (at + 1) & d->mask)
        if (same_keys(d, d->table[at], key))
            return d->table[at];
    const uint32_t id = (uint32_t)d->n++;
    d->table[at] = id;
    memcpy(d->keys + id * d->nkey, key, (size_t)d->nkey * sizeof *key);
    memcpy(d->row + id * d->ncolumn, row, (size_t)d->ncolumn * sizeof *row);
    return id;
}

/* Numbers of some rows; notes columns that differ within a number. 0 without memory. */
static int number_rows(distinct_t *d, const double *rows, ptrdiff_t n, int in_turn, uint32_t *ids)
{
    uint32_t last = 0;
    for (ptrdiff_t i = 0; i < n; i++, rows += d->ncolumn) {
        const uint32_t id = distinct_id(d, rows, in_turn ? last + 1 : last);
        if (id == NO_ID)
            return 0;
        ids[i] = last = id;
        const double *first = d->row + id * d->ncolumn;
        for (ptrdiff_t c = 0; c < d->ncolumn; c++)
            d->differs[c] |= !(first[c] == rows[c]);
        if (d->n > d->limit) {
            d->given_up = 1;
            return 1;
        }
    }
    return 1;
}

static void free_distinct(distinct_t *d)
{
    free(d->row);
    free(d->keys);
    free(d->table);
    free(d->differs);
}

/* Range of a column, and its different values up to a limit. */
typedef struct {
    double least, most, last;
    int finite, many;
    ptrdiff_t n, limit;
    uint64_t mask;
    double *values; /* [mask + 1], NaN where empty */
} column_t;

static int start_column(column_t *c, ptrdiff_t limit)
{
    uint64_t size = 16;
    while (size < 2 * (uint64_t)limit + 2)
        size *= 2;
    *c = (column_t){INFINITY, -INFINITY, NAN, 1, 0, 0, limit, size - 1, malloc(size * sizeof(double))};
    for (uint64_t i = 0; c->values && i < size; i++)
        c->values[i] = NAN;
    return c->values != NULL;
}

static void add_value(column_t *c, double x)
{
    x += 0.0;
    if (x == c->last)
        return;
    c->last = x;
    uint64_t at = hash_numbers(&x, 1) & c->mask;
    for (; c->values[at] == c->values[at]; at = (at + 1) & c->mask)
        if (c->values[at] == x)
            return;
    if (c->n == c->limit) {
        c->many = 1;
        return;
    }
    c->values[at] = x;
    c->n++;
}

static void scan_column(column_t *c, const double *x, ptrdiff_t stride, ptrdiff_t n)
{
    double least = c->least, most = c->most, odd = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double v = x[i * stride];
        least = v < least ? v : least;
        most = v > most ? v : most;
        odd += v - v; /* NaN for all that is not finite */
    }
    c->least = least;
    c->most = most;
    c->finite &= odd == 0;
    for (ptrdiff_t i = 0; i < n && !c->many && c->finite; i++)
        add_value(c, x[i * stride]);
}

/* Bins of some values, edge_b <= x < edge_(b+1), beyond the edges the outermost or, without `clamp`, number n;
   and their differences from the centres. Value i belongs to model position[i], to none if that is NO_ID. */
static void bin_values(const double *x, ptrdiff_t n, const uint32_t *position, const double *edge, const double *value,
                       const double *centre, ptrdiff_t nbin, int clamp, uint16_t start, float *difference,
                       ptrdiff_t difference_stride, uint16_t *code, ptrdiff_t code_stride)
{
    const double step = (edge[nbin] - edge[0]) / (double)nbin, inverse = step > 0 ? 1 / step : 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint32_t model = position[i];
        if (model == NO_ID)
            continue;
        const double guess = (x[i] - edge[0]) * inverse;
        ptrdiff_t b = guess > 0 ? (guess < (double)nbin ? (ptrdiff_t)guess : nbin - 1) : 0;
        while (b > 0 && x[i] < edge[b])
            b--;
        while (b + 1 < nbin && x[i] >= edge[b + 1])
            b++;
        if (!clamp && !(x[i] >= edge[b] && x[i] < edge[b + 1]))
            b = nbin;
        code[model * code_stride] = (uint16_t)(start + b);
        if (difference)
            difference[model * difference_stride] = (float)(value[i] - centre[b]);
    }
}

#endif
