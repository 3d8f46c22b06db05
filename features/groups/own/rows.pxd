cimport cython

cdef unsigned long long _MASK, _GOLDEN, _FIRST, _SECOND

@cython.locals(
    bits="const unsigned long long[:, :]", view="unsigned long long[:]", width=Py_ssize_t, row=Py_ssize_t,
    part=Py_ssize_t, there=Py_ssize_t, key="unsigned long long", value="unsigned long long",
)
cpdef mixed(list parts, int needed)
cdef unsigned long long _finalised(unsigned long long key) noexcept nogil

@cython.locals(
    learned="const long long[:]", of_rows="const long long[:]", of_known="const long long[:]",
    of_finds="const long long[:]", wanted="const long long[:]", view="double[:, :]", row=Py_ssize_t, key="long long",
    low=Py_ssize_t, high=Py_ssize_t, middle=Py_ssize_t,
)
cpdef look_up(keys, rows, known, finds, asked, found)

@cython.locals(
    of_known="const double[:, :]", of_finds="const double[:, :]", of_all="const double[:]", above="const int[:]",
    strength="const double[:]", view="double[:, :]", key=Py_ssize_t, row=Py_ssize_t, parent=int, weight=double,
    towards=double,
)
cpdef smoothed(known, finds, overall, parents, weights)
