cimport cython
from libc.math cimport log1p

from features.texts.words cimport TokenisedTexts

@cython.locals(flags_of_texts=list, nan=double, slots='int[::1]', token=Py_ssize_t, word=Py_ssize_t, row=Py_ssize_t,
               together=int, chemical=int, generic=int, flag=int, first=Py_ssize_t, known=Py_ssize_t, rarest=double, share=double,
               k=Py_ssize_t, words=Py_ssize_t, counts=Py_ssize_t, characters=Py_ssize_t, letters=Py_ssize_t)
cpdef list fill_words(list texts, TokenisedTexts tokenised, const double[:, ::1] flags, const double[:, ::1] shares,
                      double[:, ::1] rows)

cdef void _fill_kinds(Py_ssize_t row, int flags, double[:, ::1] rows) noexcept
