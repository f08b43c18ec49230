/* The fit of one star: fluxes in; summary, moments, PDFs, samples out. */
#ifndef FASTSED_STARS_FIT_H
#define FASTSED_STARS_FIT_H

#include "stars.h"
#include "stars_reduce.h"

#if FASTSED_X86
#include <immintrin.h>
#endif

#define KERNEL "stars_walk.h"
#include "each_level.h"
#define KERNEL "stars_sums.h"
#include "each_level.h"

enum { FITTED = 1, NO_VALID_FLUX = 2, NO_MODEL = 3 };

typedef struct {
    int16_t *status;
    summary_t *summary;
    double *expectation; /* [nstar][nparameter] */
    double *percentile;  /* [nstar][nparameter][3] */
    double **pdf1d;      /* [nparameter] of [nstar][bins], or NULL */
    double **pdf2d;      /* [npair] of [nstar][bins][bins] */
    int swap;            /* PDFs in the byte order of FITS */
    int64_t nsample;     /* at most so many samples; < 0: all */
    uint64_t seed;
} outputs_t;

typedef struct {
    int64_t *row;
    float *lnp, *chi2;
    ptrdiff_t n, capacity;
} samples_t;

typedef struct {
    search_t search;
    members_t members;
    samples_t samples;
    ptrdiff_t start; /* group in which a star's search begins */
    int failed;
} worker_t;

/* Mark the models that can be within the window of the best one, of which `known` is a lower bound if there is any. */
static void search_tree(worker_t *w, double known, int level)
{
    search_t *s = &w->search;
    const tree_t *t = s->t;
    s->safe = -INFINITY;
    s->threshold = -INFINITY;
    s->ncandidate = 0;
    if (known > -INFINITY) {
        const double relative = known - t->top;
        if (relative > s->window + 1e-9 * (1 + fabs(known)))
            return;
        raise_safe(s, relative - 1e-9 * (1 + fabs(known)));
    }
    else
        try_exactly(s, w->start, 0xFFFFu);
    if (t->exhaustive || !(s->safe > HOPELESS))
        mark_all(s);
#if FASTSED_X86
    else if (level == SIMD_AVX512)
        walk_avx512(s, t->nlevel, 0);
    else if (level == SIMD_AVX2)
        walk_avx2(s, t->nlevel, 0);
#endif
    else
        walk_plain(s, t->nlevel, 0);
    (void)level;
}

static double evaluate(const search_t *s, members_t *m, int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return evaluate_members_avx512(s, m);
    if (level == SIMD_AVX2)
        return evaluate_members_avx2(s, m);
#endif
    (void)level;
    return evaluate_members_plain(s, m);
}

static double weigh(members_t *m, double best, int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return weigh_members_avx512(m, best);
    if (level == SIMD_AVX2)
        return weigh_members_avx2(m, best);
#endif
    (void)level;
    return weigh_members_plain(m, best);
}

static void sum_up(const parameters_t *p, members_t *m, int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512) {
        sum_members_avx512(p, m);
        return;
    }
    if (level == SIMD_AVX2) {
        sum_members_avx2(p, m);
        return;
    }
#endif
    (void)level;
    sum_members_plain(p, m);
}

static void store(double *to, const double *from, ptrdiff_t n, double factor, int swap, int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512) {
        store_numbers_avx512(to, from, n, factor, swap);
        return;
    }
    if (level == SIMD_AVX2) {
        store_numbers_avx2(to, from, n, factor, swap);
        return;
    }
#endif
    (void)level;
    store_numbers_plain(to, from, n, factor, swap);
}

static int reserve_samples(samples_t *s, ptrdiff_t n)
{
    if (s->n + n <= s->capacity)
        return 1;
    const ptrdiff_t capacity = (s->n + n) + (s->n + n) / 2 + 4096;
    int64_t *row = realloc(s->row, (size_t)capacity * sizeof *row);
    if (row)
        s->row = row;
    float *lnp = realloc(s->lnp, (size_t)capacity * sizeof *lnp);
    if (lnp)
        s->lnp = lnp;
    float *chi2 = realloc(s->chi2, (size_t)capacity * sizeof *chi2);
    if (chi2)
        s->chi2 = chi2;
    if (!(row && lnp && chi2))
        return 0;
    s->capacity = capacity;
    return 1;
}

/* Append samples of the star of this number; how many there are, or -1 without memory. */
static NOT_INLINE ptrdiff_t draw_samples(worker_t *w, const outputs_t *out, uint64_t number)
{
    const members_t *m = &w->members;
    samples_t *s = &w->samples;
    const int all = out->nsample < 0 || out->nsample >= m->nmember;
    const ptrdiff_t n = all ? m->nmember : (ptrdiff_t)out->nsample;
    if (!reserve_samples(s, n))
        return -1;
    uint32_t *drawn = w->members.drawn;
    uint64_t state = out->seed;
    state = next_random(&state) ^ (number * 0xD1342543DE82EF95u);
    for (ptrdiff_t i = 0, chosen = 0; chosen < n; i++) {
        /* with the probability needed / left */
        const uint64_t left = (uint64_t)(m->nmember - i), needed = (uint64_t)(n - chosen);
        drawn[chosen] = (uint32_t)i;
        chosen += all || (next_random(&state) >> 32) * left >> 32 < needed;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        s->row[s->n + j] = w->search.t->row[m->index[drawn[j]]];
        s->lnp[s->n + j] = (float)m->lnp[drawn[j]];
        s->chi2[s->n + j] = (float)m->chi2[drawn[j]];
    }
    s->n += n;
    return n;
}

/* Moments, percentiles, PDFs of star i. */
static NOT_INLINE void store_star(const parameters_t *p, const members_t *m, const outputs_t *out, ptrdiff_t i, double sum,
                       int level)
{
    for (ptrdiff_t k = 0; k < p->nparameter; k++) {
        const ptrdiff_t n = p->size[k];
        const double *bins = m->histogram + p->start[k];
        out->expectation[i * p->nparameter + k] = m->moment[k] / sum;
        pdf_percentiles(bins, p->centre + p->start[k], n, sum - bins[n], out->percentile + (i * p->nparameter + k) * 3);
        if (out->pdf1d)
            store(out->pdf1d[k] + i * n, bins, n, 1 / sum, out->swap, level);
    }
    for (ptrdiff_t q = 0; q < p->npair; q++) {
        const ptrdiff_t n = p->pair_start[q + 1] - p->pair_start[q];
        store(out->pdf2d[q] + i * n, m->histogram2 + p->pair_start[q], n, 1 / sum, out->swap, level);
    }
}

static void store_nothing(const parameters_t *p, const outputs_t *out, ptrdiff_t i)
{
    out->summary[i] = (summary_t){-1, -1, 0, NAN, NAN, NAN};
    for (ptrdiff_t k = 0; k < p->nparameter; k++) {
        const ptrdiff_t n = p->size[k];
        out->expectation[i * p->nparameter + k] = NAN;
        for (int j = 0; j < 3; j++)
            out->percentile[(i * p->nparameter + k) * 3 + j] = NAN;
        if (out->pdf1d)
            memset(out->pdf1d[k] + i * n, 0, (size_t)n * sizeof(double));
    }
    for (ptrdiff_t q = 0; q < p->npair; q++) {
        const ptrdiff_t n = p->pair_start[q + 1] - p->pair_start[q];
        memset(out->pdf2d[q] + i * n, 0, (size_t)n * sizeof(double));
    }
}

static void set_star(search_t *s, const double *y)
{
    for (ptrdiff_t k = 0; k < s->t->nband; k++) {
        s->y[k] = y[k];
        s->down[k] = rounded_down(y[k]);
        s->up[k] = rounded_up(y[k]);
    }
}

/* Fit row i of the output; `number` of the star decides which samples are drawn. Number of samples, or -1. */
static ptrdiff_t fit_star(worker_t *w, const parameters_t *p, const outputs_t *out, const double *y, ptrdiff_t i,
                          uint64_t number, int level)
{
    search_t *s = &w->search;
    const ptrdiff_t nband = s->t->nband;
    int valid = 1;
    set_star(s, y);
    for (ptrdiff_t k = 0; k < nband; k++)
        valid &= isfinite(y[k]) != 0;
    out->status[i] = valid ? FITTED : NO_VALID_FLUX;
    if (valid) {
        search_tree(w, -INFINITY, level);
        if (!reserve_members(&w->members, s->ncandidate))
            return -1;
        collect_candidates(s, &w->members);
        const double best = evaluate(s, &w->members, level);
        if (!accept_members(s, &w->members, best, &out->summary[i]))
            out->status[i] = NO_MODEL;
    }
    if (out->status[i] != FITTED) {
        store_nothing(p, out, i);
        return 0;
    }
    w->start = w->members.index[0] / FAN;
    for (ptrdiff_t j = 0; j < w->members.nmember; j++)
        if (w->members.lnp[j] == out->summary[i].ln_p_max)
            w->start = w->members.index[j] / FAN;
    const double sum = weigh(&w->members, out->summary[i].ln_p_max, level);
    out->summary[i].log_norm = out->summary[i].ln_p_max + log(sum);
    sum_up(p, &w->members, level);
    store_star(p, &w->members, out, i, sum, level);
    return out->nsample ? draw_samples(w, out, number) : 0;
}

/* The largest ln(posterior) of a star among these models, if it is larger than what is known; 0 without memory. */
static int raise_best(worker_t *w, const double *y, double *known, int level)
{
    search_t *s = &w->search;
    const double window = s->window;
    set_star(s, y);
    s->window = 0;
    search_tree(w, *known, level);
    s->window = window;
    if (!reserve_members(&w->members, s->ncandidate))
        return 0;
    collect_candidates(s, &w->members);
    const double best = evaluate(s, &w->members, level);
    *known = best > *known ? best : *known;
    return 1;
}

/* Add what these models contribute to a star whose largest ln(posterior) among all models is known: sums of weights
   exp(lnP - best), moments, histograms. Number of models, or -1 without memory. */
static ptrdiff_t add_star(worker_t *w, const parameters_t *p, const outputs_t *out, const double *y, ptrdiff_t i,
                          double best, int level)
{
    search_t *s = &w->search;
    members_t *m = &w->members;
    summary_t part;
    set_star(s, y);
    search_tree(w, best, level);
    if (!reserve_members(m, s->ncandidate))
        return -1;
    collect_candidates(s, m);
    evaluate(s, m, level);
    if (!accept_members(s, m, best, &part) || m->nmember == 0)
        return 0;
    summary_t *whole = &out->summary[i];
    const double sum = weigh(m, best, level);
    sum_up(p, m, level);
    whole->log_norm += sum;
    whole->nmember += part.nmember;
    whole->best_row = part.best_row < whole->best_row ? part.best_row : whole->best_row;
    if (part.chi2_min < whole->chi2_min || (part.chi2_min == whole->chi2_min && part.chi2_row < whole->chi2_row)) {
        whole->chi2_min = part.chi2_min;
        whole->chi2_row = part.chi2_row;
    }
    for (ptrdiff_t k = 0; k < p->nparameter; k++) {
        out->expectation[i * p->nparameter + k] += m->moment[k];
        double *to = out->pdf1d[k] + i * p->size[k];
        for (ptrdiff_t b = 0; b < p->size[k]; b++)
            to[b] += m->histogram[p->start[k] + b];
    }
    for (ptrdiff_t q = 0; q < p->npair; q++) {
        const ptrdiff_t n = p->pair_start[q + 1] - p->pair_start[q];
        double *to = out->pdf2d[q] + i * n;
        for (ptrdiff_t b = 0; b < n; b++)
            to[b] += m->histogram2[p->pair_start[q] + b];
    }
    return m->nmember;
}

/* A number that decides whether a model of a star is stored: those with the smallest ones are. */
static uint64_t sample_key(uint64_t seed, uint64_t number, uint64_t row)
{
    uint64_t state = seed;
    state = next_random(&state) ^ (number * 0xD1342543DE82EF95u);
    state = next_random(&state) ^ (row * 0x9E3779B97F4A7C15u);
    return next_random(&state);
}

/* Append the models whose keys are not above a limit; their number, or -1 without memory. */
static ptrdiff_t draw_by_key(worker_t *w, const outputs_t *out, uint64_t number, uint64_t limit)
{
    const members_t *m = &w->members;
    samples_t *s = &w->samples;
    if (!reserve_samples(s, m->nmember))
        return -1;
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < m->nmember; i++) {
        const uint32_t row = w->search.t->row[m->index[i]];
        if (sample_key(out->seed, number, row) > limit)
            continue;
        s->row[s->n + n] = row;
        s->lnp[s->n + n] = (float)m->lnp[i];
        s->chi2[s->n + n++] = (float)m->chi2[i];
    }
    s->n += n;
    return n;
}

/* Memory of a worker; 0 if there is none. */
static int start_worker(worker_t *w, const tree_t *t, const parameters_t *p, double threshold)
{
    memset(w, 0, sizeof *w);
    const size_t nword = ((size_t)t->ngroup + 63) / 64, noccupied = (nword + 63) / 64;
    w->search.t = t;
    w->search.window = -threshold;
    w->search.mask = calloc((size_t)t->ngroup + 1, sizeof(uint16_t));
    w->search.marked = calloc(nword + 1, sizeof(uint64_t));
    w->search.occupied = calloc(noccupied + 1, sizeof(uint64_t));
    members_t *m = &w->members;
    m->spectra = malloc(((size_t)p->nspectrum + 1) * sizeof(uint32_t));
    m->dust = malloc(((size_t)p->ndust + 1) * sizeof(uint32_t));
    m->spectrum_weight = calloc((size_t)p->nspectrum + 1, sizeof(double));
    m->dust_weight = calloc((size_t)p->ndust + 1, sizeof(double));
    m->spectrum_stamp = calloc((size_t)p->nspectrum + 1, sizeof(uint32_t));
    m->dust_stamp = calloc((size_t)p->ndust + 1, sizeof(uint32_t));
    m->histogram = calloc((size_t)p->nbin + 1, sizeof(double));
    m->histogram2 = calloc((size_t)p->nbin2 + 1, sizeof(double));
    m->moment = calloc((size_t)p->nparameter + 1, sizeof(double));
    return w->search.mask && w->search.marked && w->search.occupied && m->spectra && m->dust && m->spectrum_weight
           && m->dust_weight && m->spectrum_stamp && m->dust_stamp && m->histogram && m->histogram2 && m->moment;
}

static void end_worker(worker_t *w)
{
    members_t *m = &w->members;
    void *all[] = {w->search.mask,     w->search.marked, w->search.occupied, m->index, m->drawn, m->lnp,
                   m->chi2,            m->weight,        m->spectra,         m->dust,           m->spectrum_weight,
                   m->dust_weight,     m->spectrum_stamp, m->dust_stamp,     m->histogram,      m->histogram2,
                   m->moment,          w->samples.row,   w->samples.lnp,     w->samples.chi2};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

#endif
