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
    @cython.locals(codes='const int[::1]', matrix='double[:, :]', field=Coded, row=Py_ssize_t)
    cdef _count(self, Py_ssize_t column, tuple fields, bint present)
    @cython.locals(matrix='double[:, :]', row=Py_ssize_t)
    cpdef by_row(self, Py_ssize_t column, list numbers)

cpdef const int[::1] rows_of(Coded column)
