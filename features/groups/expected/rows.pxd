cimport cython
from libc.math cimport exp

from features.texts.words cimport TokenisedTexts

@cython.locals(sums=list, buckets=set, checksum='unsigned long', at=Py_ssize_t)
cpdef set buckets_of(list words, str text)

@cython.locals(buckets=list, row=Py_ssize_t, before=Py_ssize_t)
cpdef buckets_of_texts(list texts, TokenisedTexts tokenised, long long[::1] lengths)

@cython.locals(n=Py_ssize_t, width=Py_ssize_t, begin=Py_ssize_t, end=Py_ssize_t, text=Py_ssize_t, k=Py_ssize_t, at=Py_ssize_t,
               total=double)
cpdef void mean_effects(const long long[::1] bucket, const long long[::1] length, const double[:, ::1] effects,
                        double[:, ::1] out)

@cython.locals(text=Py_ssize_t, target=Py_ssize_t, spread=double)
cpdef void fill_spreads(double[:, ::1] rows, const double[::1] base)

@cython.locals(n=Py_ssize_t, columns=Py_ssize_t, row=Py_ssize_t, target=Py_ssize_t, k=Py_ssize_t, text=int,
               constants='const double[:, ::1]', effects='const double[:, ::1]', units=double, expected=double,
               distance=double)
cpdef fill_distances(const double[:, ::1] logs, object coefficients, const int[:, ::1] positions,
                     const double[:, ::1] text_rows, const int[::1] slots, const int[::1] codes, double[:, :] out)
