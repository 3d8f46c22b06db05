cimport cython


cdef class Store:
    cdef public Py_ssize_t count
    cdef public long long[::1] keys
    cdef public int[:, ::1] narrow
    cdef public long long[:, ::1] wide
    cdef public int[::1] index

    @cython.locals(row=Py_ssize_t, key=cython.longlong, mask=cython.longlong, bucket=Py_ssize_t, slot=Py_ssize_t, column=Py_ssize_t)
    cdef void locate(self, const long long[::1] keys, const signed char[::1] added, int[::1] slots, Py_ssize_t n) noexcept nogil

    @cython.locals(new=Py_ssize_t, old=Py_ssize_t, column=Py_ssize_t, count=Py_ssize_t)
    cpdef void keep_only(self, const long long[::1] slots)

    @cython.locals(mask=cython.longlong, bucket=Py_ssize_t, slot=Py_ssize_t)
    cpdef void drop_newest(self, Py_ssize_t count)

    @cython.locals(mask=cython.longlong, bucket=Py_ssize_t, slot=Py_ssize_t)
    cdef void _rebuild_index(self)

    cpdef void reserve(self, Py_ssize_t more, Py_ssize_t bound)
