cimport cython

@cython.locals(first=int, row=Py_ssize_t, lines=int, best=double, known=bint, line=Py_ssize_t)
cpdef fill_fits(const int[::1] marks, const int[::1] codes, const int[::1] chapters, const double[:, ::1] table,
                double[:, :] matrix, Py_ssize_t column)
