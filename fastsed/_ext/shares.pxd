"""Pieces of work for threads (shares.h)."""

from libc.stddef cimport ptrdiff_t


cdef extern from "shares.h" nogil:
    ctypedef struct shares_t:
        int n

    ctypedef struct items_t:
        ptrdiff_t first, end

    shares_t shares_in(void *memory, int n)
    size_t bytes_of_shares(int n)
    void share_out(const shares_t *, ptrdiff_t nitem)
    items_t next_items(const shares_t *, int thread, ptrdiff_t most)
