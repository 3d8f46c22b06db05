cimport cython

cdef class Kept:
    cdef public dict known
    cdef public double[:, ::1] rows
    cdef public Py_ssize_t used

cdef class TextRows:
    cdef object _compute, _lock
    cdef double[::1] _missing
    cdef Py_ssize_t _width, _most
    cdef Kept _kept

    @cython.locals(places='int[::1]', rows='double[:, ::1]', missing='double[::1]', n=Py_ssize_t, width=Py_ssize_t,
                   row=Py_ssize_t, k=Py_ssize_t, code=int, place=int)
    cpdef fill(self, list values, const int[::1] codes, double[:, :] matrix, Py_ssize_t column)
    @cython.locals(kept=Kept, known=dict, new=list, n=Py_ssize_t, i=Py_ssize_t)
    cdef double[:, ::1] _placed(self, list values, int[::1] places)
    @cython.locals(used=Py_ssize_t, count=Py_ssize_t, i=Py_ssize_t)
    cdef Kept _learn(self, Kept kept, list values, int[::1] places, list new)

@cython.locals(n=Py_ssize_t, row=Py_ssize_t, found=bint)
cpdef bint any_missing(const int[::1] codes)

@cython.locals(of_value='int[::1]', n_values=Py_ssize_t, i=Py_ssize_t, n=Py_ssize_t, row=Py_ssize_t, code=int)
cpdef positions(dict known, list values, const int[::1] codes, int[:, ::1] target, Py_ssize_t column)

@cython.locals(keys=list, width='long long', number='long long', text='long long', heading='long long')
cpdef list keyed(list texts, list headings, list numbers)

@cython.locals(n=Py_ssize_t, row=Py_ssize_t, known=dict, numbers='int[::1]', key='long long')
cpdef tuple pairs(const int[::1] left, const int[::1] right, long long width)
