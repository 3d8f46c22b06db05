cimport cython


@cython.final
cdef class Batch:
    cdef public Py_ssize_t room, n
    cdef public long long finds, clean, declared, first_day
    cdef public long long[:, ::1] keys
    cdef public double[:, ::1] values, log1p, log
    cdef public object log1p_rows, log_rows
    cdef public signed char[::1] late, counted
    cdef public long long[::1] repeat_of, chapter_shipments, heading_shipments
    cdef public int[:, ::1] slots
    cdef public long long[:, ::1] block, hours_left
    cdef public long long[::1] days, state, gaps, amounts
    cdef public signed char[::1] new_pair, new_occupant, new_address
    cdef public signed char[:, ::1] has_finds

    @cython.locals(
        n=Py_ssize_t, line=Py_ssize_t, row=Py_ssize_t, window=Py_ssize_t, column=Py_ssize_t,
        time=cython.longlong, hour=cython.longlong, hours=cython.longlong,
    )
    cpdef long long load(self, const long long[:, :] keys, long long watermark, long long declared)

    cdef void raise_to(self, Py_ssize_t row, Py_ssize_t feature, double value) noexcept nogil


@cython.final
cdef class RecentShipments:
    cdef public Py_ssize_t size
    cdef public long long met
    cdef public long long[::1] newest, previous, reference, identity
    cdef public double[:, ::1] values

    @cython.locals(
        mask=cython.longlong, row=Py_ssize_t, here=cython.longlong, reference=cython.longlong, bucket=Py_ssize_t,
        number=cython.longlong, position=Py_ssize_t,
    )
    cdef void match(self, Batch batch, bint update) noexcept nogil

    @cython.locals(
        counted=Py_ssize_t, row=Py_ssize_t, here=cython.longlong, number=cython.longlong, position=Py_ssize_t,
        column=Py_ssize_t,
    )
    cpdef Py_ssize_t finish(
        self, Batch batch, double[:, ::1] values, signed char[::1] late, const long long[::1] log1p, const long long[::1] log
    )
