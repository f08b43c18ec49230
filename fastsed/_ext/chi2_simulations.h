/* Monte Carlo simulations of a source against a tile, with exact pruning.

   A simulation is y + r: the weighted data and standard normals. With unit vectors a along a model,
   chi2_s = |y_s|^2 - (a . y_s)^2. What is multiplied are not the data columns but coordinates in a space of nspace
   dimensions: the weighted columns themselves, or, where there are many, their projections on an orthonormal basis in
   which every model of the tile lies up to a small angle (slack). Vector code finds the pairs of model and simulation
   that may win; try_simulated, the same at every SIMD level, decides in the full space. */
#ifndef FASTSED_CHI2_SIMULATIONS_H
#define FASTSED_CHI2_SIMULATIONS_H

#include "chi2_kernels.h"

/* models that go through the product together */
#define SIM_MODELS 6
#define EACH_MODEL(X) X(0) X(1) X(2) X(3) X(4) X(5)
/* simulations that share one bound: the longest vector */
#define SIM_GROUP 16
/* models whose unit vectors are found together */
#define UNIT_BLOCK 64

/* a vector instruction, unlike fmax */
#define POSITIVE(x) ((x) > 0 ? (x) : 0)

/* The models of a tile as one source sees them. */
typedef struct {
    ptrdiff_t nspace;        /* coordinates */
    ptrdiff_t cut;           /* coordinates of the main scale; the rest have a scale of their own */
    const double *rows;      /* [nspace][stride] of the models, to be multiplied by root_weight */
    const double *data;      /* [nspace] of the unperturbed data */
    const double *noise;     /* [nspace][n_draws] of the noise of each draw */
    ptrdiff_t n_draws;
    const double *total;     /* [n_draws] |y_s|^2 over all columns, where the space is a smaller one; else NULL */
    double slack;            /* largest part of a model's unit vector that is outside the space */
} space_t;

/* norm2[i] = sum over bands of weight flux^2; flux is [nband][n]. */
static void add_squares(const double *flux, const double *weight, ptrdiff_t nband, ptrdiff_t n, double *norm2)
{
    memset(norm2, 0, sizeof(double) * (size_t)n);
    for (ptrdiff_t b = 0; b < nband; b++)
        for (ptrdiff_t i = 0; i < n; i++)
            norm2[i] += weight[b] * flux[b * n + i] * flux[b * n + i];
}

/* The simulations of one source at one redshift. */
typedef struct simulations {
    ptrdiff_t nsim, stride;  /* stride: nsim rounded up to SIM_GROUP */
    ptrdiff_t nspace, cut;
    void *data;              /* [nspace][stride] coordinates of data plus noise, in the precision of the level */
    void *threshold;         /* [stride] what the square of a product must reach, likewise */
    double (*bounds)(struct simulations *, ptrdiff_t, ptrdiff_t, ptrdiff_t);
    double *far;             /* [stride] largest distance from the unperturbed data of a model that can win */
    double *reach2;          /* [stride / SIM_GROUP] the largest of these in a group, squared */
    double *bound_chi2;      /* [stride] best chi2 so far; where there is none, or nothing to simulate, a limit */
    double *total;           /* [stride] |y_s|^2 over all columns */
    double *inside;          /* [stride] its part in the space */
    double *noise_norm;      /* [stride] |r| in the space */
    double slack;
    const double *noise;     /* [draws][nband] of all columns */
    const int *draws;        /* [nsim] which draw each simulation is */
    const double *root_weight; /* [nband] */
    const double *log_noise; /* [draws] noise of a logarithmic luminosity, in units of its error */
    /* best so far, [nsim] */
    double *chi2, *scale, *spec_scale;
    int64_t *order;          /* position in the tie order, with z; -1: none */
} simulations_t;

static double simulated_datum(const source_t *s, const simulations_t *sims, ptrdiff_t nband, ptrdiff_t b, ptrdiff_t i)
{
    const double w = sims->root_weight[b];
    return w > 0 ? w * s->value[b] + sims->noise[sims->draws[i] * nband + b] : 0;
}

static double simulated_part(const tile_t *t, const source_t *s, const simulations_t *sims, ptrdiff_t m, ptrdiff_t i,
                             ptrdiff_t from, ptrdiff_t to, double *scale)
{
    double num = 0, den = 0, sum = 0;
    for (ptrdiff_t b = from; b < to; b++) {
        const double a = sims->root_weight[b] * t->flux[b * t->stride + m];
        num += a * simulated_datum(s, sims, t->nband, b, i);
        den += a * a;
    }
    *scale = num / den;
    for (ptrdiff_t b = from; b < to; b++) {
        const double a = sims->root_weight[b] * t->flux[b * t->stride + m];
        const double r = simulated_datum(s, sims, t->nband, b, i) - *scale * a;
        sum += r * r;
    }
    return sum;
}

typedef double (*bounds_fn)(simulations_t *, ptrdiff_t, ptrdiff_t, ptrdiff_t);

static double set_group(simulations_t *sims, ptrdiff_t group, ptrdiff_t nband);

ONE_ROUNDING static void try_simulated(const tile_t *t, const source_t *s, simulations_t *sims, ptrdiff_t m,
                                       ptrdiff_t i)
{
    double scale, spec_scale;
    double chi2 = simulated_part(t, s, sims, m, i, 0, s->own_spec_scale ? t->nmain : t->nband, &scale);
    spec_scale = scale;
    if (s->own_spec_scale)
        chi2 += simulated_part(t, s, sims, m, i, t->nmain, t->nband, &spec_scale);
    if (s->log_component >= 0) {
        const double l = t->dust[s->log_component * t->stride + m];
        const double d = (s->log_lir - log10(scale * (l > 1e-4 ? l : 1e-4))) / s->log_error + sims->log_noise[sims->draws[i]];
        chi2 += d * d;
    }
    const int64_t order = t->order[m] * t->nz + t->iz;
    const best_t best = {sims->chi2[i], 0, 0, rounding_of(sims->chi2[i], sims->total[i]), sims->order[i], sims->order[i]};
    if (improves(&best, chi2, order)) {
        sims->chi2[i] = chi2;
        sims->scale[i] = scale;
        sims->spec_scale[i] = spec_scale;
        sims->order[i] = order;
        sims->bound_chi2[i] = chi2;
        set_group(sims, i / SIM_GROUP, t->nband);
    }
}

#if FASTSED_X86
#define LEVEL _avx512_single
#define REAL float
#define VW 16
#define TARGET TARGET_AVX512
#define REACHES(x, y) _mm512_cmp_ps_mask((__m512)(x), (__m512)(y), _CMP_GE_OQ)
#define LARGER(x, y) ((VEC)_mm512_max_ps((__m512)(x), (__m512)(y)))
#include "chi2_simulate.h"
#define LEVEL _avx512_double
#define REAL double
#define VW 8
#define TARGET TARGET_AVX512
#define REACHES(x, y) _mm512_cmp_pd_mask((__m512d)(x), (__m512d)(y), _CMP_GE_OQ)
#define LARGER(x, y) ((VEC)_mm512_max_pd((__m512d)(x), (__m512d)(y)))
#include "chi2_simulate.h"
#define LEVEL _avx2_single
#define REAL float
#define VW 8
#define TARGET TARGET_AVX2
#define REACHES(x, y) _mm256_movemask_ps((__m256)((x) >= (y)))
#define LARGER(x, y) ((VEC)_mm256_max_ps((__m256)(x), (__m256)(y)))
#include "chi2_simulate.h"
#define LEVEL _avx2_double
#define REAL double
#define VW 4
#define TARGET TARGET_AVX2
#define REACHES(x, y) _mm256_movemask_pd((__m256d)((x) >= (y)))
#define LARGER(x, y) ((VEC)_mm256_max_pd((__m256d)(x), (__m256d)(y)))
#include "chi2_simulate.h"
#endif

#define LEVEL _plain_single
#define REAL float
#define TARGET
#ifdef __GNUC__
#define VW 4
#define REACHES(x, y) \
    (((x)[0] >= (y)[0]) | ((x)[1] >= (y)[1]) << 1 | ((x)[2] >= (y)[2]) << 2 | ((x)[3] >= (y)[3]) << 3)
#define LARGER(x, y) plain_larger_single(x, y)
#else
#define VW 1
#define REACHES(x, y) ((x) >= (y))
#define LARGER(x, y) ((x) > (y) ? (x) : (y))
#endif
#include "chi2_simulate.h"
#define LEVEL _plain_double
#define REAL double
#define TARGET
#ifdef __GNUC__
#define VW 2
#define REACHES(x, y) (((x)[0] >= (y)[0]) | ((x)[1] >= (y)[1]) << 1)
#define LARGER(x, y) plain_larger_double(x, y)
#else
#define VW 1
#define REACHES(x, y) ((x) >= (y))
#define LARGER(x, y) ((x) > (y) ? (x) : (y))
#endif
#include "chi2_simulate.h"

typedef void (*simulate_fn)(const tile_t *, const source_t *, simulations_t *, const void *, ptrdiff_t,
                            const ptrdiff_t *, const double *, int);
typedef void (*noise_fn)(const space_t *, const double *, simulations_t *);
typedef void (*units_fn)(const space_t *, const double *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const double *, void *,
                         ptrdiff_t);

/* The functions of one SIMD level and precision. */
typedef struct {
    simulate_fn simulate;
    bounds_fn bounds;
    noise_fn noise;
    units_fn units;
} simulator_t;

typedef struct {
    simulator_t single, twice;
    distances_fn distances;
} simulators_t;

#define SIMULATOR(level) {simulate_models##level, set_bounds##level, add_noise##level, unit_vectors##level}

static simulators_t choose_simulators(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (simulators_t){SIMULATOR(_avx512_single), SIMULATOR(_avx512_double), distances_avx512};
    if (level == SIMD_AVX2)
        return (simulators_t){SIMULATOR(_avx2_single), SIMULATOR(_avx2_double), distances_avx2};
#endif
    return (simulators_t){SIMULATOR(_plain_single), SIMULATOR(_plain_double), distances_plain};
}

static ptrdiff_t simulation_stride(ptrdiff_t nsim) { return (nsim + SIM_GROUP - 1) / SIM_GROUP * SIM_GROUP; }

/* doubles of scratch that simulate_source needs */
static ptrdiff_t simulation_scratch(ptrdiff_t nband, ptrdiff_t nspace, ptrdiff_t nsim, ptrdiff_t stride)
{
    return 2 * nband + nspace * 2 + simulation_stride(nsim) * (nspace + 8) + (2 + nspace) * stride;
}

static double set_group(simulations_t *sims, ptrdiff_t group, ptrdiff_t nband)
{
    return sims->reach2[group] = sims->bounds(sims, group * SIM_GROUP, SIM_GROUP, nband);
}

/* Norms over all columns where the space is a smaller one, and the bounds from the best fits so far. */
static void set_all_bounds(const tile_t *t, const space_t *space, simulations_t *sims)
{
    memcpy(sims->total, sims->inside, sizeof(double) * (size_t)sims->stride);
    for (ptrdiff_t i = 0; i < sims->stride; i++) {
        if (i < sims->nsim && space->total)
            sims->total[i] = space->total[sims->draws[i]];
        sims->bound_chi2[i] = i >= sims->nsim ? -1e30 : sims->order[i] < 0 ? 1e300 : sims->chi2[i];
        if (i >= sims->nsim)
            sims->noise_norm[i] = 0;
    }
    for (ptrdiff_t g = 0; g < sims->stride / SIM_GROUP; g++)
        set_group(sims, g, t->nband);
}

static double farthest(const simulations_t *sims)
{
    double reach2 = 0;
    for (ptrdiff_t g = 0; g < sims->stride / SIM_GROUP; g++)
        if (sims->reach2[g] > reach2)
            reach2 = sims->reach2[g];
    return reach2;
}

/* The SIM_MODELS nearest models, or as many as there are; their number comes back. */
static int nearest_models(const double *distance2, ptrdiff_t nmodel, ptrdiff_t *models)
{
    int n = 0;
    for (ptrdiff_t m = 0; m < nmodel; m++) {
        if (distance2[m] != distance2[m] || (n == SIM_MODELS && distance2[m] >= distance2[models[n - 1]]))
            continue;
        int k = n < SIM_MODELS ? n++ : n - 1;
        for (; k > 0 && distance2[models[k - 1]] > distance2[m]; k--)
            models[k] = models[k - 1];
        models[k] = m;
    }
    return n;
}

/* All simulations of source `row` against a tile. `sims` comes with nsim, noise and its best fits (chi2, scale,
   spec_scale, order); its other arrays are laid out in scratch here. `given` is NULL for the data columns themselves.
   `reach2` is what any simulation could reach after the tile before, squared (infinite if there was none), and is
   brought up to date. */
static void simulate_source(const tile_t *t, const data_t *d, const simulators_t *simulators, int64_t row,
                            const space_t *given, simulations_t sims, const double *noise_rows, ptrdiff_t n_draws,
                            int prune, double *reach2, double *scratch)
{
    double *weight = scratch, *root_weight = weight + t->nband, *multiplier = root_weight + t->nband;
    const source_t s = prepare_source(d, row, weight);
    for (ptrdiff_t b = 0; b < t->nband; b++)
        root_weight[b] = sqrt(weight[b]);
    sims.root_weight = root_weight;

    space_t space;
    const ptrdiff_t nspace = given ? given->nspace : t->nband;
    double *data = multiplier + nspace;
    if (given) {
        space = *given;
        for (ptrdiff_t k = 0; k < nspace; k++)
            multiplier[k] = 1;
    } else {
        for (ptrdiff_t b = 0; b < t->nband; b++) {
            multiplier[b] = root_weight[b];
            data[b] = root_weight[b] * s.value[b];
        }
        space = (space_t){t->nband, s.own_spec_scale ? t->nmain : t->nband, t->flux, data, noise_rows, n_draws, NULL, 0};
    }
    /* single precision where its rounding is small beside differences of chi2 that matter */
    const simulator_t *simulator = s.total < 1e5 ? &simulators->single : &simulators->twice;
    sims.nspace = space.nspace;
    sims.cut = space.cut;
    sims.slack = space.slack;
    sims.stride = simulation_stride(sims.nsim);
    sims.bounds = simulator->bounds;
    sims.data = data + nspace;
    sims.threshold = (double *)sims.data + nspace * sims.stride;
    sims.far = (double *)sims.threshold + sims.stride;
    sims.reach2 = sims.far + sims.stride;
    sims.bound_chi2 = sims.reach2 + sims.stride;
    sims.total = sims.bound_chi2 + sims.stride;
    sims.inside = sims.total + sims.stride;
    sims.noise_norm = sims.inside + sims.stride;
    double *distance2 = sims.noise_norm + 2 * sims.stride, *norm2 = distance2 + t->stride;
    void *units = norm2 + t->stride; /* [nspace][stride] in the precision of the level */

    double total = 0;
    for (ptrdiff_t k = 0; k < nspace; k++)
        total += space.data[k] * space.data[k];
    const double nearest2 = simulators->distances(space.rows, t->stride, t->nmodel, space.nspace, space.cut, multiplier,
                                                  space.data, total, 4e-16 * (double)(nspace + 8) * total, distance2,
                                                  norm2);
    if (prune && !(nearest2 <= *reach2))
        return;
    const int first_tile = given || *reach2 == HUGE_VAL;
    memset(sims.inside, 0, sizeof(double) * 2 * (size_t)sims.stride);
    memset(sims.data, 0, sizeof(double) * (size_t)(nspace * sims.stride));
    simulator->noise(&space, multiplier, &sims);
    set_all_bounds(t, &space, &sims);

    /* where nothing is known yet, the nearest models first: after them few of the others can win anything */
    ptrdiff_t models[SIM_MODELS], known = 0;
    double near2[SIM_MODELS];
    int n = first_tile ? nearest_models(distance2, t->nmodel, models) : 0;
    for (int k = 0; k < n; k++) {
        near2[k] = -1;
        simulator->units(&space, multiplier, t->stride, models[k], models[k] + 1, norm2, units, t->stride);
    }
    if (n > 0)
        simulator->simulate(t, &s, &sims, units, t->stride, models, near2, n);
    *reach2 = farthest(&sims);
    n = 0;
    for (ptrdiff_t m = 0; m < t->nmodel; m++) {
        if (prune ? !(distance2[m] <= *reach2) : distance2[m] != distance2[m])
            continue;
        if (m >= known) {
            known = m / UNIT_BLOCK * UNIT_BLOCK + UNIT_BLOCK;
            known = known < t->nmodel ? known : t->nmodel;
            simulator->units(&space, multiplier, t->stride, m, known, norm2, units, t->stride);
        }
        models[n] = m;
        near2[n++] = prune ? distance2[m] : -1;
        if (n == SIM_MODELS) {
            simulator->simulate(t, &s, &sims, units, t->stride, models, near2, n);
            n = 0;
            *reach2 = farthest(&sims);
        }
    }
    if (n > 0)
        simulator->simulate(t, &s, &sims, units, t->stride, models, near2, n);
    *reach2 = farthest(&sims);
}

#endif
