cimport cython

cdef class Placed:
    cdef public object values
    cdef public list new
    cdef public int[::1] places
    cdef public long long first
    cdef public Py_ssize_t room

cdef class Pairs:
    cdef public Placed texts
    cdef public int[::1] codes, classes

    @cython.locals(keys=list, places='int[::1]', row=Py_ssize_t, code=int, text='long long')
    cpdef list keys(self, long long classes)
    cpdef Pairs take(self, list rows)

cdef class Texts:
    cdef object _lock
    cdef dict _known
    cdef long long _first
    cdef Py_ssize_t _most

    cpdef Placed placed(self, list texts)
    cpdef Placed placed_pairs(self, Pairs pairs, long long classes)
    cdef Placed _placed(self, object values, list keys)
    @cython.locals(known=dict, new=list, i=Py_ssize_t)
    cdef list _place(self, list keys, int[::1] places)

cdef class Held:
    cdef public long long first
    cdef public double[:, ::1] rows
    cdef public signed char[::1] filled

cdef class TextRows:
    cdef object _compute, _lock
    cdef double[::1] _missing
    cdef Py_ssize_t _width
    cdef Held _held

    @cython.locals(places='int[::1]', rows='double[:, ::1]', missing='double[::1]', n=Py_ssize_t, width=Py_ssize_t,
                   row=Py_ssize_t, k=Py_ssize_t, code=int, place=int)
    cpdef fill(self, Placed texts, const int[::1] codes, double[:, :] matrix, Py_ssize_t column)
    cpdef of(self, Placed texts)
    @cython.locals(held=Held, filled='signed char[::1]', places='int[::1]', room=Py_ssize_t, new=dict, i=Py_ssize_t, place=int)
    cdef double[:, ::1] _rows(self, Placed texts)
    @cython.locals(at=list, some=list, places=list, start=Py_ssize_t, room=Py_ssize_t, needed=Py_ssize_t)
    cdef _learn(self, Held held, Placed texts, dict new)

@cython.locals(n=Py_ssize_t, row=Py_ssize_t, found=bint)
cpdef bint any_missing(const int[::1] codes)

@cython.locals(of_value='int[::1]', n_values=Py_ssize_t, i=Py_ssize_t, n=Py_ssize_t, row=Py_ssize_t, code=int)
cpdef positions(dict known, list values, const int[::1] codes, int[:, ::1] target, Py_ssize_t column)
