cimport cython

@cython.locals(found=dict, begin=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4)
cpdef tuple words_in(str text)

@cython.locals(tokens=list, begin=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4)
cpdef list word_tokens(str text)

@cython.locals(small=Py_ssize_t, follows=bint, is_small=bint, is_capital=bint, char=Py_UCS4)
cpdef bint has_capital_inside(str text)

@cython.locals(char=Py_UCS4)
cpdef str uncombined(str text)

cdef Py_ssize_t _SIGNS

@cython.locals(tokens=list, begin=Py_ssize_t, at=Py_ssize_t, run=int, kind=int, char=Py_UCS4)
cpdef list name_tokens(str text)

@cython.locals(before=int, kind=int, char=Py_UCS4)
cpdef bint mixes_letters_and_figures(str text)

@cython.locals(char=Py_UCS4)
cpdef str without_vowels(str word)

@cython.locals(letters=list, at=Py_ssize_t, size=Py_ssize_t, char=Py_UCS4, after=Py_UCS4)
cpdef str as_scanned(str word)

@cython.locals(letters=list, last=Py_UCS4, before=Py_UCS4, after=Py_UCS4, sound=Py_UCS4, char=Py_UCS4, at=Py_ssize_t, size=Py_ssize_t)
cpdef str one_letter_per_sound(str word)

cdef class Beginnings:
    cdef bytes _marked

    @cython.locals(marked='const unsigned char*', first=Py_ssize_t, second=Py_ssize_t, sign=Py_ssize_t, at=Py_ssize_t,
                   size=Py_ssize_t, char=Py_UCS4)
    cpdef Py_ssize_t find(self, str text, Py_ssize_t begin)

@cython.locals(found=list, token=str, before=str, index=Py_ssize_t, size=Py_ssize_t, word=object, distance=object)
cpdef list near_words(list tokens, object near, set beginnings, set endings, Py_ssize_t fewest, Py_ssize_t most)
