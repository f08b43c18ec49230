/* Monte Carlo simulations of a source against a tile, with exact pruning.

   A simulation is y + r: the weighted data and standard normals. With unit vectors a along a model,
   chi2_s = |y_s|^2 - (a . y_s)^2. What is multiplied are not the data columns but coordinates in a space of nspace
   dimensions: the weighted columns themselves, or, where there are many, their projections on an orthonormal basis in
   which every model of the tile lies up to a small angle (slack).

   Models come in groups of similar ones. The angle between the axis of a group, its mean direction, and the farthest of
   its models says how far from the axis a simulation may be that one of these models wins: most groups are done with
   after one product for each simulation. Vector code finds the pairs of model and simulation that may win;
   try_simulated, the same at every SIMD level, decides in the full space. */
#ifndef FASTSED_CHI2_SIMULATIONS_H
#define FASTSED_CHI2_SIMULATIONS_H

#include "chi2_kernels.h"
#include "scratch.h"

/* groups whose axes go through a product together */
#define CENTRES 6
#define EACH_CENTRE(X) X(0) X(1) X(2) X(3) X(4) X(5)
/* simulations that go through a product with a group together */
#define BLOCK 6
#define EACH_OF_BLOCK(X) X(0) X(1) X(2) X(3) X(4) X(5)
/* simulations that share one bound: the longest vector */
#define SIM_GROUP 16
/* simulations that are taken together, at most */
#define SIMULATIONS_TOGETHER 512
/* a bit for each of them, in words */
#define WORD 64
#define MAX_WORDS (SIMULATIONS_TOGETHER / WORD)
/* squared length, beside one, that single precision holds with all its digits whatever the weights */
#define FAINTEST 1e-12f

/* a vector instruction, unlike fmax */
#define POSITIVE(x) ((x) > 0 ? (x) : 0)

/* norm2[i] = sum over bands of weight flux^2; flux is [nband][n]. */
static void add_squares(const double *flux, const double *weight, ptrdiff_t nband, ptrdiff_t n, double *norm2)
{
    memset(norm2, 0, sizeof(double) * (size_t)n);
    for (ptrdiff_t b = 0; b < nband; b++)
        for (ptrdiff_t i = 0; i < n; i++)
            norm2[i] += weight[b] * flux[b * n + i] * flux[b * n + i];
}

/* A model and its weighted columns: their squared lengths in those of the main scale and in the others. */
typedef struct {
    ptrdiff_t model; /* -1: none */
    const double *columns;
    double norm2, spec_norm2;
} kept_t;

/* The simulations of one source at one redshift. */
typedef struct simulations {
    ptrdiff_t nsim, stride;  /* stride: nsim rounded up to SIM_GROUP */
    const void *view;        /* what the source sees of the models: see chi2_simulate.h */
    double (*bounds)(struct simulations *, ptrdiff_t, ptrdiff_t);
    double *reach2;          /* [stride / SIM_GROUP] squared distance from the unperturbed data within which models
                                can win one of a group */
    double *bound_chi2;      /* [stride] best chi2 so far; where there is none, or nothing to simulate, a limit */
    double *total;           /* [stride] |y_s|^2 over all columns */
    double *inside;          /* [stride] its part in the space */
    double *noise_norm;      /* [stride] |r| in the space */
    double *miss;            /* [stride] what a product may be short of that of all columns */
    double data_norm;        /* |y| in the space */
    const double *noise;     /* [nsim][nband] of all columns */
    const double *root_weight, *weighted; /* [nband] and the data times it */
    ptrdiff_t cut;           /* columns of the main scale */
    double *datum, *scratch; /* [nband] */
    kept_t kept[GROUP];      /* models that were tried last, by their places in their groups */
    double *columns;         /* [GROUP][nband] of these */
    const double *log_noise; /* [nsim] noise of a logarithmic luminosity, in units of its error */
    /* best so far, [nsim] */
    double *chi2, *scale, *spec_scale;
    int64_t *order;          /* position in the tie order, with z; -1: none */
} simulations_t;

/* sum over n of x y, in four sums side by side: one would wait for itself */
static double product_of(const double *x, const double *y, ptrdiff_t n)
{
    double sums[4] = {0, 0, 0, 0};
    ptrdiff_t b = 0;
    for (; b + 4 <= n; b += 4)
        for (int k = 0; k < 4; k++)
            sums[k] += x[b + k] * y[b + k];
    for (; b < n; b++)
        sums[0] += x[b] * y[b];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* The weighted columns of model m, the `member`-th of its group: they are put aside, as few models are often tried. */
static const kept_t *take_model(const tile_t *t, simulations_t *sims, int member, ptrdiff_t m)
{
    kept_t *kept = sims->kept + member;
    if (kept->model == m)
        return kept;
    double *columns = sims->columns + member * t->nband;
    for (ptrdiff_t b = 0; b < t->nband; b++)
        columns[b] = sims->root_weight[b] * t->flux[b * t->stride + m];
    *kept = (kept_t){m, columns, product_of(columns, columns, sims->cut),
                     product_of(columns + sims->cut, columns + sims->cut, t->nband - sims->cut)};
    return kept;
}

static double residual2(const double *datum, const double *model, double scale, ptrdiff_t n, double *scratch)
{
    for (ptrdiff_t b = 0; b < n; b++)
        scratch[b] = datum[b] - scale * model[b];
    return product_of(scratch, scratch, n);
}

/* Bounds of a group of simulations, from their best fits so far. */
static void set_group(simulations_t *sims, ptrdiff_t group, ptrdiff_t nband)
{
    sims->reach2[group] = sims->bounds(sims, group, nband);
}

/* Model m, the `member`-th of its group, and simulation i in the full space: a new best fit, if it is one. */
ONE_ROUNDING static void try_simulated(const tile_t *t, const source_t *s, simulations_t *sims, int member,
                                       ptrdiff_t m, ptrdiff_t i)
{
    const int64_t order = t->order[m] * t->nz + t->iz;
    /* the best so far, met again */
    if (order == sims->order[i])
        return;
    const kept_t *kept = take_model(t, sims, member, m);
    const double *noise = sims->noise + i * t->nband, *model = kept->columns;
    double *datum = sims->datum;
    const ptrdiff_t cut = sims->cut, rest = t->nband - cut;
    for (ptrdiff_t b = 0; b < t->nband; b++)
        datum[b] = sims->root_weight[b] > 0 ? sims->weighted[b] + noise[b] : 0;
    const double product = product_of(model, datum, cut);
    double scale = product / kept->norm2, gain = product * scale, spec_scale = scale;
    if (rest > 0) {
        const double spec_product = product_of(model + cut, datum + cut, rest);
        spec_scale = spec_product / kept->spec_norm2;
        gain += spec_product * spec_scale;
    }
    /* far more than the rounding of this difference, which is not exact enough for a chi2 */
    if (sims->total[i] - gain > sims->chi2[i] + 1e-9 * sims->total[i])
        return;
    double chi2 = 0;
    if (s->limit) {
        scale = limited_scale(t, s, m, scale, kept->norm2);
        spec_scale = rest > 0 ? spec_scale : scale;
        chi2 = limit_chi2(t, s, m, scale);
    }
    chi2 += residual2(datum, model, scale, cut, sims->scratch);
    if (rest > 0)
        chi2 += residual2(datum + cut, model + cut, spec_scale, rest, sims->scratch);
    if (s->log_component >= 0) {
        const double l = t->dust[s->log_component * t->stride + m];
        const double d = (s->log_lir - log10(scale * (l > 1e-4 ? l : 1e-4))) / s->log_error + sims->log_noise[i];
        chi2 += d * d;
    }
    const double rounding = rounding_of(sims->chi2[i], sims->total[i]);
    const best_t best = {sims->chi2[i], 0, 0, rounding, sims->order[i], sims->order[i]};
    if (improves(&best, chi2, order)) {
        sims->chi2[i] = chi2;
        sims->scale[i] = scale;
        sims->spec_scale[i] = spec_scale;
        sims->order[i] = order;
        sims->bound_chi2[i] = chi2;
        set_group(sims, i / SIM_GROUP, t->nband);
    }
}

/* The bounds from the best fits so far. */
static void set_all_bounds(const tile_t *t, simulations_t *sims)
{
    for (ptrdiff_t i = 0; i < sims->stride; i++)
        sims->bound_chi2[i] = i >= sims->nsim ? -1e30 : sims->order[i] < 0 ? 1e300 : sims->chi2[i];
    for (ptrdiff_t i = sims->nsim; i < sims->stride; i++)
        sims->noise_norm[i] = 0;
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

#define KERNEL "chi2_simulate.h"
#include "each_precision.h"

/* Returns whether the precision is enough: see chi2_simulate.h. */
typedef int (*simulate_fn)(const tile_t *, const source_t *, const space_t *, const double *, simulations_t *, int, int,
                           double *, void *);

/* The functions of one SIMD level. */
typedef struct {
    simulate_fn single, twice;
    distances_fn distances;
} simulators_t;

static simulators_t choose_simulators(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (simulators_t){simulate_models_avx512_single, simulate_models_avx512_double, distances_avx512};
    if (level == SIMD_AVX2)
        return (simulators_t){simulate_models_avx2_single, simulate_models_avx2_double, distances_avx2};
#endif
    return (simulators_t){simulate_models_plain_single, simulate_models_plain_double, distances_plain};
}

static ptrdiff_t simulation_stride(ptrdiff_t nsim) { return (nsim + SIM_GROUP - 1) / SIM_GROUP * SIM_GROUP; }

/* doubles of scratch that simulate_source needs */
static ptrdiff_t simulation_scratch(ptrdiff_t nband, const space_t *space, ptrdiff_t nsim)
{
    const ptrdiff_t columns = whole_lines(nband, sizeof(double));
    const ptrdiff_t coordinates = whole_lines(space->nspace, sizeof(double));
    const ptrdiff_t own = (5 + GROUP) * columns + coordinates + 6 * simulation_stride(nsim);
    const ptrdiff_t view = space->nspace * (space->ncentre + GROUP) + 2 * coordinates + 5 * space->ncentre + 2 * GROUP;
    return own + view + 3 * simulation_stride(nsim);
}

/* All simulations of source `row` against a tile. `sims` comes with nsim, noise and its best fits (chi2, scale,
   spec_scale, order); its other arrays are laid out in scratch here. `reach2` is what any simulation could reach after
   the tile before, squared (infinite if there was none), and is brought up to date. */
static void simulate_source(const tile_t *t, const data_t *d, const simulators_t *simulators, int64_t row,
                            space_t space, simulations_t sims, int prune, double *reach2, double *scratch)
{
    double *next = scratch;
#define TAKE(name, n) name = next; next += whole_lines(n, sizeof(double));
    double *TAKE(weight, t->nband)
    double *TAKE(root_weight, t->nband)
    double *TAKE(weighted, t->nband)
    double *TAKE(multiplier, space.nspace)
    sims.stride = simulation_stride(sims.nsim);
    TAKE(sims.reach2, sims.stride)
    TAKE(sims.bound_chi2, sims.stride)
    TAKE(sims.total, sims.stride)
    TAKE(sims.inside, sims.stride)
    TAKE(sims.noise_norm, sims.stride)
    TAKE(sims.miss, sims.stride)
    TAKE(sims.datum, t->nband)
    TAKE(sims.scratch, t->nband)
    TAKE(sims.columns, GROUP * t->nband)
#undef TAKE
    const source_t s = prepare_source(d, row, weight);
    double largest = 0;
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        root_weight[b] = sqrt(weight[b]);
        weighted[b] = root_weight[b] * s.value[b];
    }
    const int projected = space.data != NULL;
    for (ptrdiff_t k = 0; k < space.nspace; k++) {
        multiplier[k] = projected ? space.scale[k] : root_weight[k] * space.scale[k];
        largest = multiplier[k] > largest ? multiplier[k] : largest;
    }
    if (!(largest > 0))
        return;
    /* only directions matter */
    for (ptrdiff_t k = 0; k < space.nspace; k++)
        multiplier[k] /= largest;
    sims.cut = s.own_spec_scale ? t->nmain : t->nband;
    if (!projected) {
        space.data = weighted;
        space.cut = sims.cut;
    }
    sims.root_weight = root_weight;
    sims.weighted = weighted;
    for (int k = 0; k < GROUP; k++)
        sims.kept[k].model = -1;
    const int first_tile = *reach2 == HUGE_VAL;
    /* distances are those in the space, which is another one for each tile */
    if (projected)
        *reach2 = HUGE_VAL;
    /* single precision where its rounding is small beside differences of chi2 that matter */
    if (!(s.total < 1e5) || !simulators->single(t, &s, &space, multiplier, &sims, prune, first_tile, reach2, next))
        simulators->twice(t, &s, &space, multiplier, &sims, prune, first_tile, reach2, next);
}

#endif
