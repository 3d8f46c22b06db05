"""C types of `features.kinds.parties`."""

cimport cython

from features.kinds.words cimport KindWords
from features.texts.scan cimport has_capital_inside, word_tokens

cdef long long _ORGANISATION, _NUMBERED, _KINDS, _NAMED
cdef Py_ssize_t _LONG_NUMBER

cdef class _Names:
    cdef readonly KindWords kinds, lines
    cdef readonly tuple names_of_lines
    cdef readonly frozenset first, last, strong, of_any_line, at_end
    cdef readonly object of_word

    @cython.locals(marks=cython.longlong)
    cpdef read_word(self, str word)

    cdef long long inside(self, str plain) except -1

@cython.locals(known=_Names, plain=str, tokens=list, marks=cython.longlong, token=str, of_word=object, n=Py_ssize_t)
cpdef name_marks(str name)

@cython.locals(known=_Names, parts=list, part=str, tokens=list, form=str)
cdef bint _form_before_branch(str name) except -1

cdef tuple _read(str name)
