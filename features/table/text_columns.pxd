cimport cython

from features.table.coded cimport Coded
from features.texts.declared cimport unevenly_spaced, unusual_codes

cdef class TextColumns(dict):
    cdef object _codes
    cdef dict _place, _values
    cdef const int[:, ::1] _rows
    cdef Coded _absent

    @cython.locals(values=list, column=Coded, place=Py_ssize_t)
    cpdef add(self, str name)

cdef bint _are_usual(str name, list values) except -1
