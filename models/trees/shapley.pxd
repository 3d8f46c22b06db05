"""C types of `models.trees.shapley`: attributes of compiled classes cannot have inline types for memory views."""

cimport cython

cdef double TINY
cdef Py_ssize_t AREA, ABOVE, BELOW, RATIO, GAIN, SUMS, BLOCK

@cython.final
cdef class Shapley:
    cdef const int[::1] first_tree, feature, first_split, column, first_reused, first_slot, slot_feature, first_leaf
    cdef const int[::1] first_point, n_points, slot, previous, child, reused
    cdef const double[::1] base, missing, zero, threshold, share, value, point, weight
    cdef const long long[::1] first_entry
    cdef double[::1] entries

    @cython.locals(
        n=Py_ssize_t, n_columns=Py_ssize_t, block=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, row=Py_ssize_t, c=Py_ssize_t,
        tree=Py_ssize_t, x=double, cells="double[:, ::1]", work="double[::1]",
    )
    cpdef void explain(self, const double[:, ::1] matrix, Py_ssize_t booster, double[:, ::1] out)

    @cython.locals(
        first=Py_ssize_t, width=Py_ssize_t, j=Py_ssize_t, split=Py_ssize_t, outcomes=cython.ulonglong,
        goes_left=cython.ulonglong, entry=cython.longlong,
    )
    cdef void _add(
        self, const double[:, ::1] cells, Py_ssize_t at, Py_ssize_t tree, double[::1] work, double[:, ::1] out,
        Py_ssize_t row,
    ) noexcept nogil

    @cython.locals(tree=Py_ssize_t, width=Py_ssize_t, entry=cython.longlong, pattern=Py_ssize_t, j=Py_ssize_t)
    cdef void _tabulate(self, double[::1] work) noexcept nogil

    @cython.locals(at=Py_ssize_t, points=Py_ssize_t, j=Py_ssize_t)
    cdef void _compute(self, Py_ssize_t tree, unsigned long long outcomes, double[::1] work) noexcept nogil

    @cython.locals(
        first=Py_ssize_t, splits=Py_ssize_t, leaf=Py_ssize_t, i=Py_ssize_t, k=Py_ssize_t, edge=Py_ssize_t, split=Py_ssize_t,
        u=Py_ssize_t, p=Py_ssize_t, a=Py_ssize_t, h=Py_ssize_t, c=Py_ssize_t, hot=Py_ssize_t, total=Py_ssize_t, met=bint,
        on=double, share=double, x="double[8]", y="double[8]",
    )
    cdef void _sweep(
        self, Py_ssize_t tree, unsigned long long outcomes, Py_ssize_t at, Py_ssize_t width, double[::1] work
    ) noexcept nogil
