cimport cython

from features.texts.declared cimport prefetch

@cython.locals(view=double[::1], place=Py_ssize_t, text=str)
cpdef s10_faults(list texts)
@cython.locals(position=int, weighted=int, check=int, expected=int, letter=Py_UCS4)
cdef double _s10_fault(str text) except? -1
@cython.locals(view=double[::1], place=Py_ssize_t, text=str)
cpdef waybill_faults(list texts)
@cython.locals(length=Py_ssize_t, at=Py_ssize_t, serial=int, letter=Py_UCS4)
cdef double _waybill_fault(str text) except? -1
@cython.locals(
    view=cython.schar[::1], prefixes=cython.schar[::1], place=Py_ssize_t, phone=str, letter=Py_UCS4, best=int, started=bint,
    digits=int, number=int, digit=int, known=int,
)
cpdef dialled(list phones, table)
