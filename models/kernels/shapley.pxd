"""C types of `models.kernels.shapley`."""

cimport cython

cdef double TINY

@cython.final
cdef class Shapley:
    cdef const int[::1] first_tree, feature, first_split, column, first_slot, slot_feature
    cdef const int[::1] first_node, parent, same, split, slot, first_point, last_point
    cdef const double[::1] blank, threshold, share, worth, point, weight
    cdef const unsigned char[::1] default_left, left
    cdef const long long[::1] first_entry
    cdef double[::1] entries

    @cython.locals(
        parent="const int[::1]", same="const int[::1]", split="const int[::1]", share="const double[::1]",
        worth="const double[::1]", at="const double[::1]", weight="const double[::1]", left="const unsigned char[::1]",
        product="double[::1]", inverse="double[::1]", gain="double[::1]", below="double[::1]",
        base=Py_ssize_t, last=Py_ssize_t, block=Py_ssize_t, node=Py_ssize_t, k=Py_ssize_t,
        u=Py_ssize_t, p=Py_ssize_t, a=Py_ssize_t, hot=int, z=double, change=double, value=double, total=double,
        factor="double[4]", inverted="double[4]", part="double[4]",
    )
    cdef void _weigh(
        self, Py_ssize_t tree, unsigned long long outcomes, double[:, ::1] work, int[::1] reached, double[::1] slots
    ) noexcept nogil

    @cython.locals(tree=Py_ssize_t, width=Py_ssize_t, entry=cython.longlong, pattern=Py_ssize_t, j=Py_ssize_t)
    cdef void _tabulate(self, double[:, ::1] work, int[::1] reached, double[::1] slots) noexcept nogil

    @cython.locals(
        row=Py_ssize_t, c=Py_ssize_t, tree=Py_ssize_t, first=Py_ssize_t, width=Py_ssize_t, j=Py_ssize_t,
        s=Py_ssize_t, x=double, outcomes=cython.ulonglong, goes_left=cython.ulonglong, entry=cython.longlong,
        column="const int[::1]", threshold="const double[::1]", default_left="const unsigned char[::1]",
        slot_feature="const int[::1]", entries="double[::1]",
        cells="double[::1]", work="double[:, ::1]", reached="int[::1]", slots="double[::1]",
    )
    cpdef void add(self, const double[:, ::1] matrix, Py_ssize_t head, double[:, ::1] out)
