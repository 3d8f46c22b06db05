cimport cython

cdef int _WORD, _DIGIT, _SIGN, _FIRST

cdef class Phrases:
    cdef int followed, digit
    cdef short[:, ::1] step
    cdef unsigned char[::1] at_end, prefixes, kinds

    @cython.locals(view=cython.uchar[::1], place=Py_ssize_t, text=str)
    cpdef marks(self, list texts, fold)

    @cython.locals(at=Py_ssize_t, marks=int, before=int, kind=int, letter=Py_UCS4)
    cpdef int scan(self, str text) except -1
    @cython.locals(length=Py_ssize_t, marks=int, node=int, here=int, letter=Py_UCS4)
    cdef int _marks_from(self, str text, Py_ssize_t at) except -1

cdef bint _is_word(Py_UCS4 letter) noexcept
@cython.locals(length=Py_ssize_t)
cdef bint _word_follows(str text, Py_ssize_t at) noexcept
