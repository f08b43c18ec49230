/* From a star's candidates to its acceptable models, and from those to moments, PDFs and samples.

   Sums run over the models in the order of the tree, whatever the search found first: they depend on nothing else. */
#ifndef FASTSED_STARS_REDUCE_H
#define FASTSED_STARS_REDUCE_H

#include "stars.h"

#define MAX_PARAMETERS 512

/* Values and bins of the parameters. Most are functions of the spectrum or of the dust alone: those are summed once
   for each spectrum and dust point. The others are kept for each model, as a bin and the difference from its centre. */
typedef struct {
    ptrdiff_t nspectrum, ndust, nparameter, nbin;
    ptrdiff_t n[3];            /* parameters of spectra, of dust points, of models */
    const int32_t *number[3];  /* of each such parameter among all */
    const uint32_t *code[2];   /* [nspectrum or ndust][n] bins in the histogram */
    const double *value[2];    /* likewise */
    const uint8_t *of_model;   /* [nmodel][stride]: float differences, uint16 bins in the histogram, uint32 spectrum,
                                  uint32 dust */
    ptrdiff_t stride;
    const int64_t *start;      /* [nparameter] in a histogram; behind each one's bins is one for values in none */
    const int32_t *size;       /* [nparameter] bins */
    const double *centre;      /* [nbin] */
    /* two parameters at a time */
    ptrdiff_t naxis[3], npair, nbin2;
    const uint16_t *axis_code[2]; /* [nspectrum or ndust][naxis] bins */
    const uint16_t *axis_of_model; /* [nmodel][naxis[2]] */
    const int32_t *pair;       /* [npair][2] axes: those of spectra first, then of dust points, of models */
    const int32_t *pair_kind;  /* 0: both of the spectrum, 1: both of the dust, 2: neither */
    const int32_t *mixed;      /* [nmixed] the pairs of kind 2 */
    ptrdiff_t nmixed;
    const int64_t *pair_start; /* [npair + 1] */
    const int32_t *axis_size;  /* bins of each axis */
} parameters_t;

typedef struct {
    int64_t best_row, chi2_row, nmember;
    double ln_p_max, log_norm, chi2_min;
} summary_t;

/* Numbers that grow as needed; one set a thread. */
typedef struct {
    ptrdiff_t capacity;
    uint32_t *index, *drawn;
    double *lnp, *chi2, *weight;
    ptrdiff_t nmember;
    uint32_t *spectra, *dust; /* those that the models have */
    ptrdiff_t nspectra, ndust;
    double *spectrum_weight, *dust_weight;
    uint32_t *spectrum_stamp, *dust_stamp, stamp;
    double *histogram, *histogram2, *moment;
} members_t;

static int reserve_members(members_t *m, ptrdiff_t n)
{
    if (n <= m->capacity)
        return 1;
    n += n / 2 + 256;
    uint32_t *index = realloc(m->index, (size_t)n * sizeof *index);
    if (index)
        m->index = index;
    uint32_t *drawn = realloc(m->drawn, (size_t)n * sizeof *drawn);
    if (drawn)
        m->drawn = drawn;
    double *lnp = realloc(m->lnp, (size_t)n * sizeof *lnp);
    if (lnp)
        m->lnp = lnp;
    double *chi2 = realloc(m->chi2, (size_t)n * sizeof *chi2);
    if (chi2)
        m->chi2 = chi2;
    double *weight = realloc(m->weight, (size_t)n * sizeof *weight);
    if (weight)
        m->weight = weight;
    if (!(index && drawn && lnp && chi2 && weight))
        return 0;
    m->capacity = n;
    return 1;
}

/* Indices of the candidates in the order of the tree; the marks are wiped. */
static NOT_INLINE void collect_candidates(search_t *s, members_t *m)
{
    const ptrdiff_t nword = (s->t->ngroup + 63) / 64, noccupied = (nword + 63) / 64;
    ptrdiff_t n = 0;
    for (ptrdiff_t o = 0; o < noccupied; o++)
        for (uint64_t words = s->occupied[o]; words; words &= words - 1) {
            const ptrdiff_t w = o * 64 + lowest_bit(words);
            for (uint64_t groups = s->marked[w]; groups; groups &= groups - 1) {
                const ptrdiff_t g = w * 64 + lowest_bit(groups);
                for (unsigned hits = s->mask[g]; hits; hits &= hits - 1)
                    m->index[n++] = (uint32_t)(g * FAN + lowest_bit(hits));
                s->mask[g] = 0;
            }
            s->marked[w] = 0;
        }
    memset(s->occupied, 0, (size_t)noccupied * sizeof *s->occupied);
    m->nmember = n;
}

/* Which candidates, of which the best has this ln(posterior), are acceptable; the summary of the star. */
static NOT_INLINE int accept_members(const search_t *s, members_t *m, double best, summary_t *out)
{
    const tree_t *t = s->t;
    if (!(best > -INFINITY))
        return 0;
    ptrdiff_t n = 0;
    out->best_row = out->chi2_row = INT64_MAX;
    out->chi2_min = INFINITY;
    for (ptrdiff_t i = 0; i < m->nmember; i++) {
        if (!(m->lnp[i] - best > -s->window))
            continue;
        if (m->lnp[i] == best && t->row[m->index[i]] < out->best_row)
            out->best_row = t->row[m->index[i]];
        if (m->chi2[i] <= out->chi2_min) {
            const int64_t row = t->row[m->index[i]];
            if (m->chi2[i] < out->chi2_min || row < out->chi2_row)
                out->chi2_row = row;
            out->chi2_min = m->chi2[i];
        }
        m->index[n] = m->index[i];
        m->lnp[n] = m->lnp[i];
        m->chi2[n++] = m->chi2[i];
    }
    m->nmember = out->nmember = n;
    out->ln_p_max = best;
    return 1;
}

/* exp(x) for x <= 0 to about one unit in the last digit, from sums and products alone: the same everywhere. */
ALWAYS_INLINE double exp_of_negative(double x)
{
    const double shift = 0x1.8p52;
    const double turns = x * 1.4426950408889634074 + shift, k = turns - shift;
    const double r = (x - k * 0x1.62e42fefa39efp-1) - k * 0x1.abc9e3b39803fp-56;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    /* unsigned: for x too small for an exponent the bits that are shifted out do not matter */
    uint64_t bits;
    memcpy(&bits, &turns, sizeof bits);
    bits = (bits + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return x < -708.0 ? 0.0 : p * scale;
}

/* Of bins that sum up to `total`: centres between the cumulative sums at the middle of the bins, at 16, 50, 84 percent. */
static NOT_INLINE void pdf_percentiles(const double *restrict bins, const double *restrict centre, ptrdiff_t n,
                                       double total, double *out)
{
    const double at[3] = {0.16 * total, 0.5 * total, 0.84 * total};
    double sum = 0, before = 0;
    ptrdiff_t b = 0;
    int k = 0;
    while (b < n && bins[b] == 0)
        b++;
    out[0] = out[1] = out[2] = 0;
    if (b == n)
        return;
    for (; b < n; b++) {
        if (b && bins[b] == 0 && bins[b - 1] == 0) /* the same cumulative sum */
            continue;
        sum += bins[b];
        const double middle = sum - 0.5 * bins[b];
        for (; at[k] < middle; k++) {
            if (b == 0)
                out[k] = centre[0];
            else
                out[k] = (centre[b] - centre[b - 1]) / (middle - before) * (at[k] - before) + centre[b - 1];
            if (k == 2)
                return;
        }
        before = middle;
    }
    for (; k < 3; k++)
        out[k] = centre[n - 1];
}

ALWAYS_INLINE uint64_t turned_bytes(uint64_t x)
{
#ifdef __GNUC__
    return __builtin_bswap64(x);
#else
    x = (x & 0x00FF00FF00FF00FFu) << 8 | (x >> 8 & 0x00FF00FF00FF00FFu);
    x = (x & 0x0000FFFF0000FFFFu) << 16 | (x >> 16 & 0x0000FFFF0000FFFFu);
    return x << 32 | x >> 32;
#endif
}

/* Which n of the star's models are stored: a random choice, all equally likely, in the order of the tree. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

#endif
