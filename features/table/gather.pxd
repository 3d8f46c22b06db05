cimport cython

@cython.locals(n=Py_ssize_t, width=Py_ssize_t, row=Py_ssize_t, k=Py_ssize_t, code=int)
cpdef void gather(const double[:, :] table, const int[::1] codes, double[:, :] matrix, Py_ssize_t column, double missing)

@cython.locals(places=dict, n=Py_ssize_t, row=Py_ssize_t, code=int, last=int, place=Py_ssize_t, used=list)
cpdef list compact(const int[:] codes, int[::1] out)
