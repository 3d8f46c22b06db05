cimport cython

@cython.locals(certainty='const double[::1]', chemistry='const double[::1]', for_chemistry='const double[::1]',
               against='const double[::1]', doubt='const double[::1]', vague='const double[::1]', pair=Py_ssize_t, text=int,
               chemical=double, agreement=double)
cpdef fill_pairs(const int[::1] text_of, const double[::1] is_chemical, const double[:, ::1] fit, tuple texts,
                 double[:, ::1] rows)

cdef double _at_least_0(double number) noexcept
