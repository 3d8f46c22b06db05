cimport cython

cdef dict _SHORT, _PARTING
cdef frozenset _UNITS, _BEFORE_UNIT, _BEFORE_BOX, _MARKS
cdef bytes _LOWER, _LOWER_PARTED, _INSIDE_BYTES, _NOT_LETTERS, _NOT_DIGITS
cdef Py_ssize_t _LEAST_DIGITS

cpdef str plain_name(str text)

@cython.locals(apart=str)
cdef list _words(str text)

@cython.locals(words=list, word=str, number=str, building=list, unit=list, at=Py_ssize_t, end=Py_ssize_t, pair=cython.bint)
cpdef tuple split_address(str text)

cdef bint _numbered(str word)

@cython.locals(plain=str)
cpdef str plain_postcode(str text)

@cython.locals(digits=str)
cpdef str plain_contact(str text)
