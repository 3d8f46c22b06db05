"""C types of `features.kinds.words`."""

cimport cython

from features.texts.scan cimport Beginnings

cdef class KindWords:
    cdef readonly dict sections
    cdef readonly tuple phrases
    cdef dict _whole, _inside, _by_beginning, _by_end
    cdef list _beginnings, _ends
    cdef object _search, _search_ascii
    cdef Beginnings _ascii_begins

    cpdef add_words(self, KindWords other, Py_ssize_t shift)

    @cython.locals(kinds=cython.longlong, size=Py_ssize_t, groups=dict, text=str, kind=cython.longlong)
    cpdef of_word(self, str word)
