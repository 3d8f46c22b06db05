from features.groups.history_address cimport split_addresses

cdef frozenset _PRESS_HEADINGS

cpdef list _addresses(list texts)

cpdef list _references(list texts)

cpdef bint _pressing(str hs_code)
