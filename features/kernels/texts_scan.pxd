cimport cython

@cython.locals(found=dict, begin=Py_ssize_t, at=Py_ssize_t, char=Py_UCS4)
cpdef tuple words_in(str text)

@cython.locals(tokens=list, letters=Py_ssize_t, latin=Py_ssize_t, digits=Py_ssize_t, numbers=Py_ssize_t, begin=Py_ssize_t,
               at=Py_ssize_t, part=int, char=Py_UCS4)
cpdef tuple survey(str text)
