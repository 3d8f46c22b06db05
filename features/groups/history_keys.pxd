cimport cython

from features.groups.history_address cimport plain_contact, plain_name, plain_postcode, split_address

cdef tuple _PRESS_HEADINGS

cpdef long long _digest(str text)

cpdef long long _name(str text)

cpdef long long _contact(str text)

@cython.locals(building=str, unit=str)
cpdef tuple _address(str text)

cpdef bint _pressing(str hs_code)
