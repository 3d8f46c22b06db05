cimport cython

@cython.locals(known=dict, row=Py_ssize_t, code=int, found=object)
cpdef list encode(object texts, int[::1] codes)

@cython.locals(known=dict, codes=list, index=Py_ssize_t, code=Py_ssize_t, found=object, counts_up=bint)
cpdef tuple numbered(list texts)

@cython.locals(forms=list, problems=list)
cpdef tuple normal_forms(list texts, object change)

@cython.locals(found=list, index=Py_ssize_t, text=str, char=Py_UCS4, before=bint)
cpdef list unevenly_spaced(list texts)

@cython.locals(found=list, index=Py_ssize_t, text=str, char=Py_UCS4, size=Py_ssize_t, usual=bint)
cpdef list unusual_codes(list texts, dict known)

@cython.locals(numbers=list, others=list, index=Py_ssize_t, text=str, plain=bint, number=double)
cpdef tuple plain_numbers(list texts, double largest, bint comma)

@cython.locals(times=list, others=list, index=Py_ssize_t, text=str, seconds=cython.longlong, missing=cython.longlong)
cpdef tuple plain_times(list texts)

@cython.locals(
    n=Py_ssize_t, year=cython.longlong, month=cython.longlong, day=cython.longlong, days=cython.longlong,
    hour=cython.longlong, minute=cython.longlong, second=cython.longlong, seconds=cython.longlong, era=cython.longlong,
    of_era=cython.longlong, day_of_year=cython.longlong, day_of_era=cython.longlong,
)
cpdef long long plain_time(str text)

@cython.locals(number=cython.longlong, digit=cython.longlong, k=Py_ssize_t)
cdef long long _digits(str text, Py_ssize_t at, Py_ssize_t width)
