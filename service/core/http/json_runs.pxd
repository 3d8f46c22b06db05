cimport cython
from libc.stdint cimport int64_t, uint8_t

@cython.locals(n=Py_ssize_t, most=Py_ssize_t, count=Py_ssize_t, depth=Py_ssize_t, values=Py_ssize_t, nests=Py_ssize_t, apart=Py_ssize_t, nests_apart=Py_ssize_t, begin=Py_ssize_t, i=Py_ssize_t, k=Py_ssize_t, root=bint, inside=bint, byte=uint8_t)
cpdef Py_ssize_t find_runs(const uint8_t[::1] data, Py_ssize_t least_values, Py_ssize_t least_bytes, int64_t[:, ::1] runs) except -2
