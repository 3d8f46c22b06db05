cimport cython

@cython.locals(half=Py_ssize_t, i=Py_ssize_t, end=Py_ssize_t, total=float, a=float, b=float, c=float, d=float, e=float, f=float,
               g=float, h=float)
cpdef float pairwise(const float[::1] values, Py_ssize_t begin, Py_ssize_t n) noexcept nogil

@cython.locals(n=Py_ssize_t, headings=Py_ssize_t, begin=Py_ssize_t, text=Py_ssize_t, words=Py_ssize_t, first=Py_ssize_t,
               heading=Py_ssize_t, row=Py_ssize_t, k=Py_ssize_t, total=float, most=float)
cpdef void log_scores(const long long[::1] place, const long long[::1] length, const float[:, ::1] given,
                      const float[::1] prior, float[::1] column, float[::1] out)

@cython.locals(starts='const long long[::1]', is_chemical='const float[::1]', chapters=Py_ssize_t, headings=Py_ssize_t,
               of_chapter='float[:, ::1]', certainty='float[::1]', chemical='float[::1]', parts='float[::1]',
               text=Py_ssize_t, first=Py_ssize_t, k=Py_ssize_t, begin=Py_ssize_t, size=Py_ssize_t, total=float, most=float)
cpdef normalise(float[::1] odds, Py_ssize_t texts, object classes)

@cython.locals(starts='const long long[::1]', heading_of='const long long[::1]', chapter_of='const long long[::1]', of_heading='const float[::1]',
               of_chapter='const float[:, ::1]', certainty='const float[::1]', chemical='const float[::1]',
               headings=Py_ssize_t, pair=Py_ssize_t, text=Py_ssize_t, heading=Py_ssize_t, chapter=Py_ssize_t,
               share=float, rest=float, likely=double)
cpdef fill_agreement(const int[::1] text_of, const int[::1] class_of, object probabilities, object classes,
                     double[:, ::1] out)
