cdef class Coded:
    cdef public object codes
    cdef public list values
    cdef public bint distinct
    cdef public const int[::1] _rows

cpdef const int[::1] rows_of(Coded column)
