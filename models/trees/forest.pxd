"""C types of `models.trees.forest`: attributes of compiled classes cannot have inline types for memory views."""

cimport cython

cdef unsigned long long ALL, SEQUENCE
cdef double TINY
cdef Py_ssize_t BLOCK, FEW

cdef unsigned long long lowest(unsigned long long bits) noexcept nogil

@cython.final
cdef class Forest:
    cdef const int[::1] first_tree, feature, first_split, column, first_leaf
    cdef const double[::1] zero, threshold, value
    cdef const unsigned char[::1] default_left, leaf_of
    cdef const unsigned long long[::1] right_leaves

    @cython.locals(
        feature="const int[::1]", zero="const double[::1]", c=Py_ssize_t, row=Py_ssize_t, x=double, zero_value=double,
    )
    cdef void _fill(
        self, const double[:, ::1] matrix, Py_ssize_t start, Py_ssize_t rows, double[:, ::1] cells
    ) noexcept nogil

    @cython.locals(row=Py_ssize_t)
    cdef void _score_few(
        self, const double[:, ::1] matrix, Py_ssize_t start, Py_ssize_t rows, double[:, ::1] cells, double[:, ::1] out
    ) noexcept nogil

    @cython.locals(head=Py_ssize_t, common=double)
    cdef void _score_row(
        self, const double[:, ::1] cells, Py_ssize_t row, double[:, ::1] out, Py_ssize_t out_row
    ) noexcept nogil

    @cython.locals(
        column="const int[::1]", threshold="const double[::1]", default_left="const unsigned char[::1]",
        right_leaves="const unsigned long long[::1]", leaf_of="const unsigned char[::1]",
        tree=Py_ssize_t, split=Py_ssize_t, x=double, leaves=cython.ulonglong, goes_left=cython.ulonglong,
    )
    cdef double _sum_row(
        self, const double[:, ::1] cells, Py_ssize_t row, Py_ssize_t first_tree, Py_ssize_t last_tree, double total
    ) noexcept nogil

    @cython.locals(head=Py_ssize_t, row=Py_ssize_t)
    cdef void _score_block(
        self, const double[:, ::1] cells, Py_ssize_t rows, unsigned long long[::1] leaves, double[:, ::1] totals,
        double[:, ::1] out, Py_ssize_t start
    ) noexcept nogil

    @cython.locals(
        first_split="const int[::1]", column="const int[::1]", threshold="const double[::1]",
        default_left="const unsigned char[::1]", right_leaves="const unsigned long long[::1]",
        first_leaf="const int[::1]", value="const double[::1]", leaf_of="const unsigned char[::1]",
        tree=Py_ssize_t, split=Py_ssize_t, row=Py_ssize_t, c=Py_ssize_t, base=Py_ssize_t,
        limit=double, right=cython.ulonglong,
    )
    cdef void _add_block(
        self, const double[:, ::1] cells, Py_ssize_t rows, unsigned long long[::1] leaves, double[::1] totals,
        Py_ssize_t first_tree, Py_ssize_t last_tree
    ) noexcept nogil

    @cython.locals(
        n=Py_ssize_t, block=Py_ssize_t, start=Py_ssize_t, rows=Py_ssize_t, row=Py_ssize_t,
        cells="double[:, ::1]", leaves="unsigned long long[::1]", totals="double[:, ::1]",
    )
    cpdef void scores(self, const double[:, ::1] matrix, double[:, ::1] out)
