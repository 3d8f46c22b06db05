cimport cython

from features.texts.declared cimport fetch
from features.texts.cache cimport Placed, Texts
from features.texts.scan cimport words_in

cdef Py_ssize_t LETTERS, LATIN, DIGITS, NUMBERS, SIGNS, COUNTS
cdef int _CHEMICAL, _MEDICINE

cdef class Cut:
    cdef public list folded, pieces
    cdef public Placed placed
    cdef public int[::1] tokens, words, token_ends, word_ends, counts
    cdef Py_ssize_t _tokens, _words

    @cython.locals(n=Py_ssize_t, room=Py_ssize_t, view='int[::1]', row=Py_ssize_t)
    cdef _cut_all(self, list texts)
    @cython.locals(first=Py_ssize_t, letters=int, latin=int, digits=int, numbers=int, known=set, begin=Py_ssize_t, plain=bint, part=int,
                   size=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4, letter=bint, decimal=bint)
    cdef _cut(self, Py_ssize_t row, str text)
    @cython.locals(word=str)
    cdef _add(self, str token, bint plain, set known)
    @cython.locals(first=Py_ssize_t, at=Py_ssize_t)
    cpdef list tokens_of(self, Py_ssize_t row)
    @cython.locals(first=Py_ssize_t, at=Py_ssize_t)
    cpdef list words_of(self, Py_ssize_t row)

@cython.locals(seen=list, nan=double, places='int[::1]', token=Py_ssize_t, word=Py_ssize_t, row=Py_ssize_t, every=int,
               chemical=int, flag=int, first=Py_ssize_t, known=Py_ssize_t, least=double, share=double, k=Py_ssize_t,
               own=Py_ssize_t, counts=Py_ssize_t, size=Py_ssize_t, letters=Py_ssize_t)
cpdef list describe(list texts, Cut cut, const double[:, ::1] flags, const double[:, ::1] shares, double[:, ::1] rows)

@cython.locals(places='int[::1]', word=Py_ssize_t, count=Py_ssize_t, row=Py_ssize_t, before=Py_ssize_t, number=double)
cpdef Py_ssize_t known_words(Cut cut, const double[:, ::1] numbers, long long[::1] found, long long[::1] lengths)
