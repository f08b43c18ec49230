/* Monte Carlo simulations: blocks of models against all simulations of a source, with exact pruning. */
#ifndef FASTSED_CHI2_SIMULATIONS_H
#define FASTSED_CHI2_SIMULATIONS_H

#include "chi2_kernels.h"

/* models that go through the product together */
#define SIM_MODELS 6
/* simulations that share one bound: the longest vector */
#define SIM_GROUP 8

/* The simulations of one source at one redshift. */
typedef struct {
    ptrdiff_t nsim, stride;  /* stride: nsim rounded up to SIM_GROUP */
    double *data;            /* [nband][stride] weighted data plus noise */
    double *total;           /* [stride] sum of their squares */
    double *threshold;       /* [stride] what a model's gain must exceed */
    double *reach;           /* [stride / SIM_GROUP] largest sqrt(chi2) of the unperturbed data that can still win */
    double *noise_norm;      /* [stride] |r| over the valid columns */
    const double *log_noise; /* [nsim] noise of a logarithmic luminosity, in units of its error */
    /* best so far, [nsim] */
    double *chi2, *scale, *spec_scale;
    int64_t *order;          /* position in the tie order, with z; -1: none */
} simulations_t;

/* A simulation is its own data set: the exact chi2 of a model with it, in the weighted space. */
static double simulated_part(const tile_t *t, const source_t *s, const simulations_t *sims, ptrdiff_t m, ptrdiff_t i,
                             ptrdiff_t from, ptrdiff_t to, double *scale)
{
    double num = 0, den = 0, sum = 0;
    for (ptrdiff_t b = from; b < to; b++) {
        const double a = sqrt(s->weight[b]) * t->flux[b * t->stride + m];
        num += a * sims->data[b * sims->stride + i];
        den += a * a;
    }
    *scale = num / den;
    for (ptrdiff_t b = from; b < to; b++) {
        const double r = sims->data[b * sims->stride + i] - *scale * (sqrt(s->weight[b]) * t->flux[b * t->stride + m]);
        sum += r * r;
    }
    return sum;
}

static void set_bounds(simulations_t *sims, ptrdiff_t i, ptrdiff_t nband)
{
    if (i >= sims->nsim) {
        sims->threshold[i] = HUGE_VAL;
        return;
    }
    const double rounding = 4e-16 * (double)(nband + 8) * sims->total[i];
    sims->threshold[i] = sims->order[i] < 0 ? -1.0
        : sims->total[i] - sims->chi2[i] - rounding_of(sims->chi2[i], sims->total[i]) - rounding;
}

/* Largest sqrt(chi2) of the unperturbed data with which a model can win any simulation of a group: by the triangle
   inequality sqrt(chi2_s) >= sqrt(chi2) - |r_s|. Holds for every distance to a set of models, so also for two scales;
   a logarithmic prior only adds to chi2_s. */
static void set_reach(simulations_t *sims, ptrdiff_t group)
{
    double reach = 0;
    for (ptrdiff_t i = group * SIM_GROUP; i < (group + 1) * SIM_GROUP && i < sims->nsim; i++) {
        const double best = sims->order[i] < 0 ? HUGE_VAL
            : sqrt(sims->chi2[i] + rounding_of(sims->chi2[i], sims->total[i])) + sims->noise_norm[i];
        if (best > reach)
            reach = best;
    }
    sims->reach[group] = reach * (1 + 1e-12);
}

ONE_ROUNDING static void try_simulated(const tile_t *t, const source_t *s, simulations_t *sims, ptrdiff_t m, ptrdiff_t i)
{
    double scale, spec_scale;
    double chi2 = simulated_part(t, s, sims, m, i, 0, s->own_spec_scale ? t->nmain : t->nband, &scale);
    spec_scale = scale;
    if (s->own_spec_scale)
        chi2 += simulated_part(t, s, sims, m, i, t->nmain, t->nband, &spec_scale);
    if (s->log_component >= 0) {
        const double l = t->dust[s->log_component * t->stride + m];
        const double d = (s->log_lir - log10(scale * (l > 1e-4 ? l : 1e-4))) / s->log_error + sims->log_noise[i];
        chi2 += d * d;
    }
    const int64_t order = t->order[m] * t->nz + t->iz;
    const best_t best = {sims->chi2[i], 0, 0, rounding_of(sims->chi2[i], sims->total[i]), sims->order[i], sims->order[i]};
    if (improves(&best, chi2, order)) {
        sims->chi2[i] = chi2;
        sims->scale[i] = scale;
        sims->spec_scale[i] = spec_scale;
        sims->order[i] = order;
        set_bounds(sims, i, t->nband);
        set_reach(sims, i / SIM_GROUP);
    }
}

#if FASTSED_X86
#define LEVEL _avx512
#define VW 8
#define TARGET __attribute__((target("avx512f,avx512dq,avx2,fma")))
#include "chi2_simulate.h"
#define LEVEL _avx2
#define VW 4
#define TARGET __attribute__((target("avx2,fma")))
#include "chi2_simulate.h"
#endif

#define LEVEL _plain
#ifdef __GNUC__
#define VW 2
#else
#define VW 1
#endif
#define TARGET
#include "chi2_simulate.h"

typedef void (*unperturbed_fn)(const tile_t *, const source_t *, double *);
typedef void (*simulate_fn)(const tile_t *, const source_t *, simulations_t *, const double *, const ptrdiff_t *,
                            const double *, int);

typedef struct {
    unperturbed_fn unperturbed;
    simulate_fn simulate;
} simulators_t;

static simulators_t choose_simulators(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (simulators_t){unperturbed_avx512, simulate_models_avx512};
    if (level == SIMD_AVX2)
        return (simulators_t){unperturbed_avx2, simulate_models_avx2};
#endif
    return (simulators_t){unperturbed_plain, simulate_models_plain};
}

static ptrdiff_t simulation_stride(ptrdiff_t nsim) { return (nsim + SIM_GROUP - 1) / SIM_GROUP * SIM_GROUP; }

/* doubles of scratch that simulate_source needs */
static ptrdiff_t simulation_scratch(ptrdiff_t nband, ptrdiff_t nsim, ptrdiff_t stride)
{
    return nband * (1 + SIM_MODELS) + simulation_stride(nsim) * (nband + 4) + stride;
}

/* Unit vectors of a model, one per scale. */
static void unit_vector(const tile_t *t, const source_t *s, ptrdiff_t m, double *unit)
{
    const ptrdiff_t cut = s->own_spec_scale ? t->nmain : t->nband;
    for (ptrdiff_t from = 0, to = cut; from < t->nband; from = to, to = t->nband) {
        double norm = 0;
        for (ptrdiff_t b = from; b < to; b++) {
            unit[b] = sqrt(s->weight[b]) * t->flux[b * t->stride + m];
            norm += unit[b] * unit[b];
        }
        norm = 1 / sqrt(norm);
        for (ptrdiff_t b = from; b < to; b++)
            unit[b] *= norm;
    }
}

/* Weighted data plus noise (noise: [nsim][nband]), and the bounds from the best fits so far. */
static void prepare_simulations(const tile_t *t, const source_t *s, simulations_t *sims, const double *noise)
{
    for (ptrdiff_t i = 0; i < sims->stride; i++)
        sims->total[i] = sims->noise_norm[i] = 0;
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        const double w = sqrt(s->weight[b]), y = w * s->value[b];
        double *row = sims->data + b * sims->stride;
        for (ptrdiff_t i = 0; i < sims->stride; i++) {
            const double r = i < sims->nsim && w > 0 ? noise[i * t->nband + b] : 0;
            row[i] = y + r;
            sims->total[i] += row[i] * row[i];
            sims->noise_norm[i] += r * r;
        }
    }
    for (ptrdiff_t i = 0; i < sims->stride; i++) {
        sims->noise_norm[i] = sqrt(sims->noise_norm[i]);
        set_bounds(sims, i, t->nband);
    }
    for (ptrdiff_t g = 0; g < sims->stride / SIM_GROUP; g++)
        set_reach(sims, g);
}

/* All simulations of source `row` against a tile. `sims` comes with its best fits (chi2, scale, spec_scale, order);
   its other arrays are laid out in scratch here. */
static void simulate_source(const tile_t *t, const data_t *d, const simulators_t *simulators, int64_t row,
                            simulations_t sims, const double *noise, int prune, double *scratch)
{
    double *weight = scratch, *units = weight + t->nband;
    sims.stride = simulation_stride(sims.nsim);
    sims.data = units + SIM_MODELS * t->nband;
    sims.total = sims.data + t->nband * sims.stride;
    sims.threshold = sims.total + sims.stride;
    sims.noise_norm = sims.threshold + sims.stride;
    sims.reach = sims.noise_norm + sims.stride;
    double *rest = sims.reach + sims.stride;

    const source_t s = prepare_source(d, row, weight);
    const double rounding = 4e-16 * (double)(t->nband + 8) * s.total;
    simulators->unperturbed(t, &s, rest);
    prepare_simulations(t, &s, &sims, noise);
    memset(units, 0, sizeof(double) * SIM_MODELS * t->nband);

    ptrdiff_t models[SIM_MODELS];
    double roots[SIM_MODELS];
    int n = 0;
    double reach = HUGE_VAL;
    for (ptrdiff_t m = 0; m <= t->nmodel; m++) {
        if (m < t->nmodel) {
            if (!(rest[m] == rest[m]))
                continue; /* no flux at all */
            const double left = rest[m] - rounding;
            const double root = prune && left > 0 ? sqrt(left) : 0;
            if (root > reach)
                continue;
            unit_vector(t, &s, m, units + n * t->nband);
            models[n] = m;
            roots[n++] = root;
        }
        if (n == SIM_MODELS || (m == t->nmodel && n > 0)) {
            simulators->simulate(t, &s, &sims, units, models, roots, n);
            n = 0;
            reach = 0;
            for (ptrdiff_t g = 0; g < sims.stride / SIM_GROUP; g++)
                if (sims.reach[g] > reach)
                    reach = sims.reach[g];
        }
    }
}

#endif
