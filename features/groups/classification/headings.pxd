cimport cython

from features.texts.cache cimport Pairs

cdef Py_ssize_t _BLOCK

@cython.locals(half=Py_ssize_t, i=Py_ssize_t, end=Py_ssize_t, total=float, a=float, b=float, c=float, d=float, e=float, f=float,
               g=float, h=float)
cpdef float pairwise(const float[::1] values, Py_ssize_t begin, Py_ssize_t n) noexcept nogil

@cython.locals(n=Py_ssize_t, headings=Py_ssize_t, begin=Py_ssize_t, text=Py_ssize_t, words=Py_ssize_t, first=Py_ssize_t,
               heading=Py_ssize_t, row=Py_ssize_t, k=Py_ssize_t, total=float, most=float)
cpdef void log_scores(const long long[::1] place, const long long[::1] length, const float[:, ::1] given,
                      const float[::1] prior, float[::1] column, float[::1] out)

@cython.locals(n=Py_ssize_t, chapters=Py_ssize_t, headings=Py_ssize_t, codes='const int[::1]', classes='const int[::1]',
               number_of='int[::1]', text=Py_ssize_t, first=Py_ssize_t, k=Py_ssize_t, begin=Py_ssize_t, size=Py_ssize_t,
               pair=Py_ssize_t, heading=Py_ssize_t, chapter=Py_ssize_t, total=float, most=float, share=float, rest=float,
               likely=double)
cpdef agreement(float[::1] odds, const long long[::1] length, const long long[::1] starts, const float[::1] chemical,
                float[:, ::1] scratch, list texts, Pairs pairs, const long long[::1] heading_of,
                const long long[::1] chapter_of, double least, double[:, ::1] out)
