cimport cython

@cython.locals(n=Py_ssize_t, row=Py_ssize_t, code=int)
cpdef void choose(const int[::1] codes, const int[::1] numbers, const int[::1] ranks, int[::1] chosen, int[::1] best)

@cython.locals(n=Py_ssize_t, width=Py_ssize_t, last=Py_ssize_t, row=Py_ssize_t, k=Py_ssize_t, number=int)
cpdef void write(const int[::1] chosen, const double[:, ::1] of_named, const double[::1] unnamed, const int[::1] chemical,
                 const int[::1] cas, const int[::1] permit, double[:, :] out)
