cimport cython

from features.goods.scores cimport Reading
from features.texts.cache cimport TextPairs

@cython.locals(position=dict, number='int[::1]', pair=Py_ssize_t)
cpdef numbers_of_texts(TextPairs pairs, list texts)

@cython.locals(pair=Py_ssize_t, text=int, chemical=double, agreement=double, speaks=double)
cpdef fill_pairs(const int[::1] text_of, const double[::1] is_chemical, const double[:, ::1] fit, Reading reading,
                 const double[:, ::1] evidence, double[:, ::1] rows)

cdef double _at_least_0(double number) noexcept
