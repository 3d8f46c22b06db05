cimport cython

cdef Py_ssize_t _BLOCK
cdef bytes _ORDER
cdef unsigned long long[::1] _FIRST, _WORDS, _STATE
cdef unsigned long long _PARAMETERS

@cython.locals(size=Py_ssize_t, char=Py_UCS4)
cpdef long long hashed(str text) except? -1

@cython.locals(size=Py_ssize_t, char=Py_UCS4)
cpdef long long hashed_letters(str text) except? -1

@cython.locals(digits=str, size=Py_ssize_t, first=int, differ=bint, char=Py_UCS4)
cpdef long long hashed_digits(str text, Py_ssize_t least) except? -1

cdef long long _of_bytes(bytes data) except? -1

@cython.locals(k=Py_ssize_t)
cdef void _clear() noexcept

cdef void _add(Py_ssize_t place, unsigned long long code) noexcept

@cython.locals(k=Py_ssize_t, at=Py_ssize_t)
cdef long long _finished(Py_ssize_t size) noexcept

@cython.locals(
    order='const unsigned char*', va=cython.ulonglong, vb=cython.ulonglong, vc=cython.ulonglong, vd=cython.ulonglong,
)
cdef void _mix(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c, Py_ssize_t d, Py_ssize_t at) noexcept
