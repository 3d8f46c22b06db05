cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t

@cython.locals(n=Py_ssize_t, i=Py_ssize_t, k=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, at=Py_ssize_t, marked=uint8_t, byte=uint8_t)
cpdef void quote(const int32_t[::1] offsets, const uint8_t[::1] data, const uint8_t[::1] marks, int32_t[::1] new_offsets, uint8_t[::1] new_data)

@cython.locals(offsets="const int[::1]", codes="const int[::1]", valid="const unsigned char[::1]", first=Py_ssize_t, n=Py_ssize_t, i=Py_ssize_t)
cpdef void measure(texts, Py_ssize_t around, Py_ssize_t missing, int64_t[::1] widths)

@cython.locals(offsets="const int[::1]", data="const unsigned char[::1]", codes="const int[::1]", valid="const unsigned char[::1]", first=Py_ssize_t, n=Py_ssize_t, i=Py_ssize_t, k=Py_ssize_t, at=Py_ssize_t)
cpdef void place(texts, const uint8_t[::1] before, const uint8_t[::1] behind, const uint8_t[::1] missing, int64_t[::1] positions, uint8_t[::1] lines)
