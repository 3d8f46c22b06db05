cimport cython

from features.texts.scan cimport uncombined

cdef dict _TOLD
cdef frozenset _UNITS, _BEFORE_UNIT, _BEFORE_BOX, _MARKS
cdef bytes _BREAK, _LOWER, _LOWER_PARTED, _INSIDE, _NOT_LETTERS, _NOT_DIGITS
cdef Py_ssize_t _LEAST_DIGITS

@cython.locals(text=str, ascii_or_plain=list)
cpdef list plain_names(list texts)

@cython.locals(text=str, lines=str)
cdef list _parted(list texts)

@cython.locals(folded=str, letter=Py_UCS4)
cdef str _unaccented(str text)

@cython.locals(buildings=list, units=list, line=str)
cpdef tuple split_addresses(list texts)

@cython.locals(words=list, word=str, told=str, number=str, building=list, unit=list, at=Py_ssize_t, end=Py_ssize_t,
               marked=cython.bint, pair=cython.bint)
cdef tuple _split(list written)

cdef bint _numbered(str word)

@cython.locals(plain=bytes)
cpdef list plain_postcodes(list texts)

@cython.locals(digits=str)
cdef bytes _without_sector(bytes plain)

@cython.locals(text=str, number=bytes, numbers=list)
cpdef list plain_contacts(list texts)

cdef bytes _telephone(bytes digits)
