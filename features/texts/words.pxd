cimport cython

from features.texts.cache cimport TextIndex, TextSlots
from features.texts.scan cimport words_in

cdef class TokenisedTexts:
    cdef public list folded, pieces
    cdef public object count_rows
    cdef public TextSlots slots
    cdef public int[::1] tokens, words, token_ends, word_ends, counts
    cdef Py_ssize_t _tokens, _words

    @cython.locals(n=Py_ssize_t, capacity=Py_ssize_t, view='int[::1]', row=Py_ssize_t)
    cdef _tokenise_all(self, list texts)
    @cython.locals(first=Py_ssize_t, letters=int, latin=int, digits=int, numbers=int, seen=set, begin=Py_ssize_t, plain=bint, part=int,
                   size=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4, letter=bint, decimal=bint)
    cdef _tokenise(self, Py_ssize_t row, str text)
    @cython.locals(word=str)
    cdef _add(self, str token, bint plain, set seen)
    @cython.locals(first=Py_ssize_t, at=Py_ssize_t)
    cpdef list tokens_of(self, Py_ssize_t row)
    @cython.locals(first=Py_ssize_t, at=Py_ssize_t)
    cpdef list words_of(self, Py_ssize_t row)
