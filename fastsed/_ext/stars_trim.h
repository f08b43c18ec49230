/* Which models can look like a star of a sub file. Included once per SIMD level. */

#define RUN 64

/* Of n <= RUN models: [nband][RUN] brightest and faintest fluxes that count, against one window per band. A window's
   limits are differences that must not be positive: their signs are exact. */
TARGET static uint64_t PASTE(within_window, LEVEL)(const double *brightest, const double *faintest, ptrdiff_t nband,
                                                   const double *window)
{
    double worst[RUN];
    for (int j = 0; j < RUN; j++)
        worst[j] = -INFINITY;
    for (ptrdiff_t k = 0; k < nband; k++) {
        const double least = window[2 * k], most = window[2 * k + 1];
        const double *restrict high = brightest + k * RUN, *restrict low = faintest + k * RUN;
        for (int j = 0; j < RUN; j++) {
            const double under = least - high[j], over = low[j] - most;
            const double more = under > over ? under : over;
            worst[j] = worst[j] > more ? worst[j] : more;
        }
    }
    uint64_t inside = 0;
    for (int j = 0; j < RUN; j++)
        inside |= (uint64_t)(worst[j] <= 0) << j;
    return inside;
}

#undef RUN
#undef VW
#undef TARGET
#undef LEVEL
