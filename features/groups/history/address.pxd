"""C types of `features.groups.history.address`."""

cimport cython

cdef dict _SPECIAL_WORDS
cdef frozenset _UNITS, _MARKS, _BEFORE_UNIT, _BEFORE_BOX

@cython.locals(ascii_or_plain=list)
cpdef list plain_names(list texts)

cdef list _lines(list texts)

@cython.locals(buildings=list, units=list, line=str)
cpdef tuple split_addresses(list texts)

@cython.locals(
    words=list, has_unit=bint, building=list, unit=list, at=Py_ssize_t, end=Py_ssize_t, word=str, number=str, is_box=bint
)
cdef tuple _split(list line)

@cython.locals(words=list, has_unit=bint, word=str, special=str, joined=object)
cdef tuple _short_words(list line)

cdef bint _numbered(str word)

cdef bytes _without_sector(bytes plain)

@cython.locals(numbers=list, text=str, number=bytes)
cpdef list plain_contacts(list texts)

cdef bytes _telephone(bytes digits)
