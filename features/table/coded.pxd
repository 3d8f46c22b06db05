cimport cython

cdef class Coded:
    cdef public object codes
    cdef public list values
    cdef public bint distinct
    cdef public const int[::1] _rows

cdef class ColumnWriter:
    cdef double[:, :] _matrix

    @cython.locals(codes='const int[::1]', matrix='double[:, :]', row=Py_ssize_t, code=int)
    cpdef by_text(self, Py_ssize_t column, Coded texts, list numbers, double missing)
    @cython.locals(codes='const int[::1]', matrix='double[:, :]', row=Py_ssize_t)
    cpdef present(self, Py_ssize_t column, Coded texts)
    @cython.locals(codes='const int[::1]', matrix='double[:, :]', row=Py_ssize_t)
    cpdef missing(self, Py_ssize_t column, Coded texts)
    @cython.locals(matrix='double[:, :]', row=Py_ssize_t)
    cpdef by_row(self, Py_ssize_t column, list numbers)

cpdef const int[::1] rows_of(Coded column)
