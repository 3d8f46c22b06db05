"""C types of `models.trees.forest`: attributes of compiled classes cannot have inline types for memory views."""

cimport cython

cdef unsigned long long ALL, SEQUENCE
cdef double TINY

cdef unsigned long long lowest(unsigned long long bits) noexcept nogil

@cython.final
cdef class Forest:
    cdef const int[::1] feature, first_split, tree_of_split, booster, first_tree, first_leaf
    cdef const double[::1] zero, threshold
    cdef const double[:, ::1] value
    cdef const unsigned char[::1] default_left, leaf_of
    cdef const unsigned long long[::1] right_leaves

    @cython.locals(
        first="const int[::1]", threshold="const double[::1]", right_leaves="const unsigned long long[::1]",
        tree_of="const int[::1]", tree=Py_ssize_t, c=Py_ssize_t, x=double, split=Py_ssize_t,
    )
    cdef void _exclude_leaves(
        self, const double[:, ::1] matrix, Py_ssize_t row, unsigned long long[::1] leaves
    ) noexcept nogil

    @cython.locals(
        row=Py_ssize_t, head=Py_ssize_t, trees=Py_ssize_t, tree=Py_ssize_t, total=double, leaves="unsigned long long[::1]",
        leaf="int[::1]",
    )
    cpdef void scores(self, const double[:, ::1] matrix, double[:, ::1] out)
