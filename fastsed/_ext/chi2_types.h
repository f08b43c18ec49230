/* What the chi2 kernels work on: a tile of models, the data of the sources, best fits, models in groups. */
#ifndef FASTSED_CHI2_TYPES_H
#define FASTSED_CHI2_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* models of a group: the longest vector */
#define GROUP 16

/* One redshift and a block of models: what every source sees. */
typedef struct {
    ptrdiff_t nband;         /* data columns; the first nmain share the main scale */
    ptrdiff_t nmain;         /* photometry and linear LIR; the rest are spectral channels */
    ptrdiff_t nmodel;        /* models of the tile */
    ptrdiff_t stride;        /* distance between two bands of flux, >= nmodel rounded up to 16 */
    const double *flux;      /* [nband][stride]; 0 for models that are not fitted */
    const double *dust;      /* [3][stride] dust luminosity: all, birth clouds, cirrus; or NULL */
    const int64_t *ids;      /* [nmodel] modelID, less `first` */
    const int64_t *order;    /* [nmodel] position in the order that settles ties, without z */
    int64_t first;           /* modelID of the first model of this redshift */
    int64_t iz, nz;          /* position of this redshift, for ties */
} tile_t;

/* One source at one redshift. */
typedef struct {
    const double *weight;    /* [nband] 1/variance; 0 where masked */
    const double *value;     /* [nband] observed */
    double total;            /* sum of weight value^2, all columns */
    int own_spec_scale;      /* AUTO_SCALE and there is a spectrum */
    int log_component;       /* row of tile.dust that a logarithmic LIR prior applies to; -1: no prior */
    double log_lir, log_error;
    const double *limit;     /* [nmain] upper limits, or NULL where there are none */
    const double *limit_error; /* [nmain] their errors, infinite for columns without */
} source_t;

typedef struct {
    double chi2, scale, spec_scale, tolerance;
    int64_t model, order;
} best_t;

/* The data of all sources, [nsource][nband] each; variance is infinite where masked. */
typedef struct {
    ptrdiff_t nband;
    const double *value, *variance;
    const double *template_error2; /* [nband] squared relative error at this redshift */
    const unsigned char *own_spec_scale;
    const int *log_component;
    const double *log_lir, *log_error;
    const double *limit, *limit_error; /* NULL where no source has upper limits */
    const unsigned char *limited;      /* [nsource] whether it has */
} data_t;

/* Best fits so far, [nsource] each. */
typedef struct {
    double *chi2, *scale, *spec_scale, *tolerance;
    int64_t *model, *order;
} bests_t;

/* The models of a tile in groups, and the data and the noise, in the same coordinates. What has a single precision has
   it in an array of its own. */
typedef struct {
    ptrdiff_t nspace;        /* coordinates */
    ptrdiff_t cut;           /* coordinates of the main scale; the rest have a scale of their own */
    ptrdiff_t ngroup;        /* groups of GROUP models each */
    ptrdiff_t stride;        /* ngroup * GROUP */
    ptrdiff_t ncentre;       /* ngroup rounded up to the longest vector */
    const double *rows;      /* [nspace][stride] directions of the models, to be multiplied by scale and root weight */
    const float *rows_single;
    const double *centres;   /* [nspace][ncentre] mean directions of the groups, likewise */
    const float *centres_single;
    const double *scale;     /* [nspace] */
    const int64_t *place;    /* [stride] which model of the tile each is; the last group may be filled up with one */
    const double *noise;     /* [nspace][noise_stride] of the noise of each draw */
    const float *noise_single;
    ptrdiff_t noise_stride;  /* at least that of the simulations */
    const double *data;      /* [nspace] of the unperturbed data, where the space is a smaller one; else NULL */
    const double *total;     /* [n_draws] |y_s|^2 over all columns, likewise */
    double slack;            /* largest part of a model's unit vector that is outside the space */
} space_t;

#endif
