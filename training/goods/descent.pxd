cimport cython
from libc.math cimport exp, log

cdef unsigned long long _MULTIPLIER, _INCREMENT, _MASK
cdef Py_ssize_t _MOST_WORDS, _MOST_GRAMS

@cython.locals(learned=Py_ssize_t, fixed=Py_ssize_t, width=Py_ssize_t, buffer='float[::1]', scores='float[::1]', chosen='int[::1]',
               siblings='int[::1]', rows='int[::1]', factors='float[::1]', state='unsigned long long[::1]', total=double, mass=double,
               word_ends='const int[::1]', words='const int[::1]', labels='const int[:, ::1]', weight='const float[::1]',
               table='float[:, ::1]', squares='float[::1]', vectors='const float[:, ::1]', step=double, at=Py_ssize_t,
               example=Py_ssize_t, first=Py_ssize_t, count=Py_ssize_t, share=float, size=Py_ssize_t, k=Py_ssize_t, j=Py_ssize_t,
               word=Py_ssize_t, level=Py_ssize_t, label=Py_ssize_t, above=Py_ssize_t, of_level=double, loss=double, norm=float,
               row=Py_ssize_t, rate=float)
cpdef descend(object examples, const int[::1] order, tuple trees, object weights, object rates, object seed)

@cython.locals(size=Py_ssize_t, count=Py_ssize_t, drop=double, drop_grams=double, place=Py_ssize_t, draw=double)
cdef Py_ssize_t _draw(const int[::1] words, object rates, unsigned long long[::1] state, int[::1] chosen)

@cython.locals(ends='const int[::1]', grams='const int[::1]', size=Py_ssize_t, j=Py_ssize_t, word=Py_ssize_t, start=Py_ssize_t,
               g=Py_ssize_t)
cdef Py_ssize_t _place(object examples, const int[::1] chosen, float share, int[::1] rows, float[::1] factors)

@cython.locals(width=Py_ssize_t, first=Py_ssize_t, size=Py_ssize_t, most=float, i=Py_ssize_t, score=float, k=Py_ssize_t, sum_=double,
               loss=double, norm=float, residual=float, row=Py_ssize_t, rate=float)
cdef double _level_step(float[::1] buffer, float[::1] scores, Py_ssize_t label, const int[::1] siblings, float[:, ::1] codes,
                        float[::1] squares, double step, double weight)
