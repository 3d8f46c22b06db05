cimport cython
from libc.math cimport sqrt

cdef Py_ssize_t SHORTEST, LONGEST, _FIRST_WIDE, _WIDE_SHORTEST, _WIDE_LONGEST, _PART_SHORTEST, _PART_LONGEST, _MOST_GRAMS
cdef unsigned int _OFFSET, _PRIME, _MASK

@cython.locals(state='unsigned int', char=Py_UCS4)
cpdef unsigned int word_key(str word)

cpdef gram_ids(str word, unsigned int buckets)

@cython.locals(size=Py_ssize_t, marked=str, wide=bint, shortest=Py_ssize_t, longest=Py_ssize_t, count=Py_ssize_t,
               whole='unsigned int', state='unsigned int', begin=Py_ssize_t, length=Py_ssize_t)
cpdef Py_ssize_t fill_ids(str word, unsigned int last, int[::1] ids)

cpdef fill_word(str word, const signed char[:, ::1] table, const float[::1] values, double[::1] out)

@cython.locals(count=Py_ssize_t, width=Py_ssize_t, vague=double, place=Py_ssize_t, row=Py_ssize_t, k=Py_ssize_t)
cdef void _fill(str word, const signed char[:, ::1] table, const float[::1] values, int[::1] ids, int[::1] totals,
                double[::1] out)

cdef class WordVectors:
    cdef const signed char[:, ::1] _grams, _words
    cdef const float[::1] _values
    cdef const double[::1] _scale
    cdef const unsigned char[::1] _naming
    cdef dict _position

    @cython.locals(learned=Py_ssize_t, width=Py_ssize_t, rows='double[:, ::1]', sums='double[::1]', ids='int[::1]', totals='int[::1]', row=Py_ssize_t, k=Py_ssize_t,
                   at=Py_ssize_t)
    cpdef rows(self, list words)

    @cython.locals(size=Py_ssize_t, begin=Py_ssize_t, length=Py_ssize_t, state='unsigned int', at=Py_ssize_t)
    cdef bint _names_inside(self, str word)
