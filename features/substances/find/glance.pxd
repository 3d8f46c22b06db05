cimport cython

cdef int _NAME, _NEAR, _HINT, _STEM, _FRAGMENT, _NUMBER, _STRUCTURE, _DISGUISE, _BEGINS, _ENDS, _LABEL
cdef int _OTHERWISE, _STREET, _OF_WORDS
cdef Py_ssize_t _CHANGES, _HEX, _PAIRS
cdef Py_ssize_t _KEY, _CAS_DIGITS, _DISGUISED, _PLAIN, _ATOMS, _SPACED_ATOMS, _SIGNS

cdef unsigned int _ONES

cdef class Glance:
    cdef object _judge, _made_of
    cdef dict _lengths, _names, _known
    cdef bytes _prefixes
    cdef Py_ssize_t _head, _shortest, _fewest, _most, _remembered

    cpdef int read_declared(self, str text) except -1
    @cython.locals(places=list, digits=Py_ssize_t, hyphen=bint, key=bint, branch=bint, before=str, earlier=int,
                   run=int, begin=Py_ssize_t, signs=Py_ssize_t, letters=Py_ssize_t, size=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4,
                   kind=int, word=str, bits=int, both=Py_ssize_t, pairs=Py_ssize_t)
    cpdef int read(self, str text, int found=*) except -1
    @cython.locals(bits=object)
    cdef int _of(self, str word) except -1
    @cython.locals(blocks=bint, distinctive=bint, begin=Py_ssize_t, size=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4, of_blocks=bint,
                   has_core=bint, everyday=bint)
    cdef bint _may_be_systematic(self, str text) except -1
    @cython.locals(place=Py_ssize_t, joined=str, begin=Py_ssize_t, at=Py_ssize_t, size=Py_ssize_t, found=tuple, length=Py_ssize_t)
    cdef bint _named(self, str text, list places) except -1
    @cython.locals(prefixes='const unsigned char*', number=Py_ssize_t, count=int, at=Py_ssize_t, char=Py_UCS4)
    cdef bint _may_begin(self, str text, Py_ssize_t place) noexcept

@cython.locals(size=Py_ssize_t, char=Py_UCS4)
cdef int _of_mark(str text, Py_ssize_t at) noexcept
@cython.locals(size=Py_ssize_t, letters=Py_ssize_t, masked=bint, place=Py_ssize_t, step=Py_ssize_t)
cdef bint _is_masked(str text, Py_ssize_t at) noexcept
@cython.locals(changes=Py_ssize_t, small=bint, char=Py_UCS4)
cdef bint _changes_case(str text) noexcept
@cython.locals(at=Py_ssize_t, char=Py_UCS4)
cdef bint _is_hexadecimal(str text, Py_ssize_t end) noexcept
cdef bint _is_sign_of_number(Py_UCS4 char) noexcept
@cython.locals(size=Py_ssize_t, before=Py_ssize_t, after=Py_ssize_t, mark=Py_UCS4)
cdef bint _is_first_separator(str text, Py_ssize_t at) noexcept
@cython.locals(size=Py_ssize_t, found=int, before=Py_ssize_t, after=Py_ssize_t, vowel=Py_UCS4)
cdef int _of_hyphen(str text, Py_ssize_t at) noexcept
@cython.locals(atoms=Py_ssize_t, joined=bint, bracket=bint, spaced=Py_ssize_t, spaced_joined=bint, char=Py_UCS4)
cdef bint _may_be_smiles(str text) except -1
cdef bint _is_letter(Py_UCS4 char) noexcept

cdef class Alike:
    cdef list _words, _first
    cdef bytes _reach
    cdef unsigned int[::1] _letters

    @cython.locals(found=list, near=list, words=list, reach='const unsigned char*', letters='unsigned int[::1]', size=Py_ssize_t,
                   own='unsigned int', longest=Py_ssize_t, length=Py_ssize_t, apart=int, errors=int, at=Py_ssize_t)
    cpdef list to(self, str word)

@cython.locals(letters='unsigned int', char=Py_UCS4)
cdef unsigned int _letters(str word) noexcept
cdef int _bits(unsigned int number) noexcept
