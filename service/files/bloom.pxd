cimport cython
from libc.stdint cimport uint8_t, uint64_t, int64_t

@cython.locals(n=Py_ssize_t, i=Py_ssize_t, k=Py_ssize_t, block=int64_t, bit=uint64_t, a=uint64_t, b=uint64_t, marks=uint64_t, word=uint64_t, known=uint8_t)
cpdef void remember(uint64_t[:, ::1] words, const int64_t[::1] blocks, const uint64_t[::1] first, const uint64_t[::1] second, uint8_t[::1] seen)
