/* The sums over a star's acceptable models. Included once per SIMD level. */

/* chi2 and ln(posterior) of the candidates; the largest of the latter. */
TARGET static double PASTE(evaluate_members, LEVEL)(const search_t *s, members_t *m)
{
    const tree_t *t = s->t;
    const ptrdiff_t n = m->nmember, ahead = 16;
    double best = -INFINITY;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (i + ahead < n) {
            PREFETCH(t->exact + m->index[i + ahead] * t->record);
            PREFETCH(t->exact + m->index[i + ahead] * t->record + 8);
        }
        const double *record = t->exact + m->index[i] * t->record;
        const double chi2 = t->full ? covariance_chi2(record, s->y, t->nband, t->padded)
                                    : fixed_chi2(record, s->y, t->padded);
        const double lnp = record[t->nband] - 0.5 * chi2;
        m->chi2[i] = chi2;
        m->lnp[i] = lnp;
        best = lnp > best ? lnp : best;
    }
    return best;
}

/* Weights exp(lnP - best), and their sum. */
TARGET static double PASTE(weigh_members, LEVEL)(members_t *m, double best)
{
    const double *restrict lnp = m->lnp;
    double *restrict weight = m->weight;
    const ptrdiff_t n = m->nmember;
    for (ptrdiff_t i = 0; i < n; i++)
        weight[i] = exp_of_negative(lnp[i] - best);
    double sum[4] = {0, 0, 0, 0};
    ptrdiff_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++)
            sum[j] += weight[i + j];
    for (int j = 0; i < n; i++, j++)
        sum[j] += weight[i];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* What every model adds by itself: to its spectrum, its dust point, and bins and moments of parameters of its own. */
TARGET static void PASTE(add_models, LEVEL)(const parameters_t *p, members_t *m)
{
    const ptrdiff_t n = p->n[2];
    double *restrict histogram = m->histogram, *restrict moment = m->moment;
    double sums[MAX_PARAMETERS];
    for (ptrdiff_t c = 0; c < n; c++)
        sums[c] = 0;
    m->nspectra = m->ndust = 0;
    m->stamp++;
    for (ptrdiff_t i = 0; i < m->nmember; i++) {
        const uint8_t *record = p->of_model + m->index[i] * p->stride;
        if (i + 8 < m->nmember) {
            const uint8_t *ahead = p->of_model + m->index[i + 8] * p->stride;
            PREFETCH(ahead);
            PREFETCH(ahead + 64);
        }
        const float *restrict difference = (const float *)record;
        const uint16_t *restrict code = (const uint16_t *)(record + 4 * n);
        uint32_t ids[2];
        memcpy(ids, record + 6 * n, sizeof ids);
        const double w = m->weight[i];
        if (m->spectrum_stamp[ids[0]] != m->stamp) {
            m->spectrum_stamp[ids[0]] = m->stamp;
            m->spectrum_weight[ids[0]] = 0;
            m->spectra[m->nspectra++] = ids[0];
        }
        if (m->dust_stamp[ids[1]] != m->stamp) {
            m->dust_stamp[ids[1]] = m->stamp;
            m->dust_weight[ids[1]] = 0;
            m->dust[m->ndust++] = ids[1];
        }
        m->spectrum_weight[ids[0]] += w;
        m->dust_weight[ids[1]] += w;
        for (ptrdiff_t c = 0; c < n; c++)
            sums[c] += w * (double)difference[c];
        for (ptrdiff_t c = 0; c < n; c++)
            histogram[code[c]] += w;
    }
    for (ptrdiff_t c = 0; c < n; c++)
        moment[p->number[2][c]] = sums[c];
}

/* Bins and moments of the parameters of spectra (kind 0) or of dust points (1). */
TARGET static void PASTE(add_shared, LEVEL)(const parameters_t *p, members_t *m, int kind)
{
    const ptrdiff_t n = p->n[kind], nid = kind ? m->ndust : m->nspectra;
    const uint32_t *ids = kind ? m->dust : m->spectra;
    const double *weight = kind ? m->dust_weight : m->spectrum_weight;
    double *restrict histogram = m->histogram, *restrict moment = m->moment;
    double sums[MAX_PARAMETERS];
    for (ptrdiff_t c = 0; c < n; c++)
        sums[c] = 0;
    for (ptrdiff_t i = 0; i < nid; i++) {
        const double w = weight[ids[i]];
        const double *restrict value = p->value[kind] + ids[i] * n;
        const uint32_t *restrict code = p->code[kind] + ids[i] * n;
        for (ptrdiff_t c = 0; c < n; c++)
            sums[c] += w * value[c];
        for (ptrdiff_t c = 0; c < n; c++)
            histogram[code[c]] += w;
    }
    for (ptrdiff_t c = 0; c < n; c++)
        moment[p->number[kind][c]] = sums[c];
}

/* PDFs of pairs of parameters: both of the spectrum, both of the dust, or any two. */
TARGET static void PASTE(add_pairs, LEVEL)(const parameters_t *p, members_t *m)
{
    const ptrdiff_t nspectrum = p->naxis[0], ndust = p->naxis[1], nown = p->naxis[2];
    const ptrdiff_t nshared = nspectrum + ndust;
    double *restrict histogram = m->histogram2;
    memset(histogram, 0, (size_t)p->nbin2 * sizeof *histogram);
    for (ptrdiff_t q = 0; q < p->npair; q++) {
        const int kind = p->pair_kind[q];
        const int32_t one = p->pair[2 * q], two = p->pair[2 * q + 1];
        if (kind == 2)
            continue;
        const ptrdiff_t n = p->naxis[kind], nid = kind ? m->ndust : m->nspectra, first = kind ? nspectrum : 0;
        const uint32_t *ids = kind ? m->dust : m->spectra;
        const double *weight = kind ? m->dust_weight : m->spectrum_weight;
        double *bins = histogram + p->pair_start[q];
        for (ptrdiff_t i = 0; i < nid; i++) {
            const uint16_t *code = p->axis_code[kind] + ids[i] * n;
            bins[code[one - first] * p->axis_size[two] + code[two - first]] += weight[ids[i]];
        }
    }
    uint16_t code[3 * MAX_PARAMETERS];
    for (ptrdiff_t i = 0; p->nmixed && i < m->nmember; i++) {
        uint32_t ids[2];
        memcpy(ids, p->of_model + m->index[i] * p->stride + 6 * p->n[2], sizeof ids);
        memcpy(code, p->axis_code[0] + ids[0] * nspectrum, (size_t)nspectrum * sizeof *code);
        memcpy(code + nspectrum, p->axis_code[1] + ids[1] * ndust, (size_t)ndust * sizeof *code);
        if (nown)
            memcpy(code + nshared, p->axis_of_model + m->index[i] * nown, (size_t)nown * sizeof *code);
        const double w = m->weight[i];
        for (ptrdiff_t j = 0; j < p->nmixed; j++) {
            const ptrdiff_t q = p->mixed[j];
            const int32_t one = p->pair[2 * q], two = p->pair[2 * q + 1];
            histogram[p->pair_start[q] + (int64_t)code[one] * p->axis_size[two] + code[two]] += w;
        }
    }
}

/* Histograms and moments of all parameters; the moments are whole when this is over. */
TARGET static void PASTE(sum_members, LEVEL)(const parameters_t *p, members_t *m)
{
    memset(m->histogram, 0, (size_t)p->nbin * sizeof *m->histogram);
    PASTE(add_models, LEVEL)(p, m);
    PASTE(add_shared, LEVEL)(p, m, 0);
    PASTE(add_shared, LEVEL)(p, m, 1);
    for (ptrdiff_t c = 0; c < p->n[2]; c++) {
        const ptrdiff_t k = p->number[2][c];
        const double *bins = m->histogram + p->start[k], *centre = p->centre + p->start[k];
        double sum = 0;
        for (ptrdiff_t b = 0; b < p->size[k]; b++)
            sum += bins[b] * centre[b];
        m->moment[k] += sum;
    }
    if (p->npair)
        PASTE(add_pairs, LEVEL)(p, m);
}

/* Numbers times a factor, where they are kept; with `swap` in the byte order of FITS. */
TARGET static void PASTE(store_numbers, LEVEL)(double *restrict to, const double *restrict from, ptrdiff_t n,
                                               double factor, int swap)
{
    if (!swap) {
        for (ptrdiff_t i = 0; i < n; i++)
            to[i] = from[i] * factor;
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const double scaled = from[i] * factor;
        uint64_t bits;
        memcpy(&bits, &scaled, sizeof bits);
        bits = turned_bytes(bits);
        memcpy(to + i, &bits, sizeof bits);
    }
}

#undef VW
#undef TARGET
#undef LEVEL
