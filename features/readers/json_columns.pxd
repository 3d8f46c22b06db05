cimport cython

@cython.locals(columns=list, contents=list, at=Py_ssize_t, place=Py_ssize_t, row=dict, name=str)
cpdef tuple columns_of(list rows, tuple names)
