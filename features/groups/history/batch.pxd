cimport cython

cdef Py_ssize_t TIME, REFERENCE, IDENTITY, CENTS, GRAMS, PRESS, LIMIT, SHIPPER, RECEIVER, KEYS
cdef Py_ssize_t KINDS, PARTY_KINDS, LENGTHS, DAY_HOURS, AMOUNTS
cdef double MISSING


cdef class Batch:
    cdef public Py_ssize_t room, n
    cdef public long long finds, clean
    cdef public long long[:, ::1] keys
    cdef public double[:, ::1] values, log1p, log
    cdef public signed char[::1] late, counted
    cdef public long long[::1] source
    cdef public int[:, ::1] slots
    cdef public long long[:, ::1] block, left
    cdef public long long[::1] hours, seen, gaps, amounts
    cdef public signed char[::1] new_pair, new_occupant, new_address
    cdef public signed char[:, ::1] found

    @cython.locals(
        n=Py_ssize_t, line=Py_ssize_t, row=Py_ssize_t, length=Py_ssize_t, column=Py_ssize_t,
        time=cython.longlong, hour=cython.longlong, hours=cython.longlong,
    )
    cpdef long long load(self, const long long[:, :] keys, long long watermark)

    cdef void at_least(self, Py_ssize_t row, Py_ssize_t feature, double value) noexcept nogil


cdef class References:
    cdef public Py_ssize_t size
    cdef public long long met
    cdef public long long[::1] newest, before, reference, identity
    cdef public double[:, ::1] values

    @cython.locals(
        mask=cython.longlong, row=Py_ssize_t, here=cython.longlong, reference=cython.longlong, bucket=Py_ssize_t,
        number=cython.longlong, place=Py_ssize_t,
    )
    cdef void meet(self, Batch batch, bint update) noexcept nogil

    @cython.locals(
        counted=Py_ssize_t, row=Py_ssize_t, here=cython.longlong, number=cython.longlong, position=Py_ssize_t,
        column=Py_ssize_t,
    )
    cpdef Py_ssize_t finish(
        self, Batch batch, double[:, ::1] values, signed char[::1] late, const long long[::1] log1p, const long long[::1] log
    )
