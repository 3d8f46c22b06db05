cimport cython


cdef class Store:
    cdef public Py_ssize_t count
    cdef public long long[::1] keys
    cdef public int[:, ::1] narrow
    cdef public long long[:, ::1] wide
    cdef public int[::1] index

    @cython.locals(row=Py_ssize_t)
    cdef void locate(self, const long long[::1] keys, const signed char[::1] added, int[::1] slots, Py_ssize_t n) noexcept nogil

    @cython.locals(n=Py_ssize_t, record=Py_ssize_t, kind=Py_ssize_t, slot=int, column=Py_ssize_t)
    cpdef Py_ssize_t add_unknown(
        self, const long long[:, :] records, const long long[::1] kinds, const int[:, :] state, Py_ssize_t keys, Py_ssize_t start
    )

    @cython.locals(mask=cython.longlong, bucket=Py_ssize_t, slot=Py_ssize_t, column=Py_ssize_t)
    cdef int _slot(self, long long key, bint add) noexcept nogil

    @cython.locals(new=Py_ssize_t, old=Py_ssize_t, column=Py_ssize_t, count=Py_ssize_t)
    cpdef void keep_only(self, const long long[::1] slots)

    @cython.locals(mask=cython.longlong, bucket=Py_ssize_t, slot=Py_ssize_t)
    cpdef void drop_newest(self, Py_ssize_t count)

    @cython.locals(mask=cython.longlong, bucket=Py_ssize_t, slot=Py_ssize_t)
    cdef void _rebuild_index(self)

    cpdef void reserve(self, Py_ssize_t more, Py_ssize_t bound)
