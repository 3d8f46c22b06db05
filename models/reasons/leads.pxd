"""C types of `models.reasons.leads`."""

cimport cython

@cython.locals(
    row=Py_ssize_t, reason=Py_ssize_t, place=Py_ssize_t, lead=int, sign=double, most=double, x=double,
)
cpdef void leads(
    const double[:, :] contributions, const int[::1] members, const int[::1] first_member, const double[:, ::1] weights,
    int[:, ::1] out
)
