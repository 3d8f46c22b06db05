cimport cython

from features.texts.words cimport Cut

cdef unsigned int[::1] _CHECKSUMS

@cython.locals(found=set, sums=list, word=str, checksum='unsigned int', at=Py_ssize_t)
cpdef set hashed_places(list words, long size)

@cython.locals(places=list, row=Py_ssize_t, text=str, before=Py_ssize_t)
cpdef places_in(list texts, Cut cut, object others, long size, long long[::1] lengths)

@cython.locals(table='unsigned int[::1]', checksum='unsigned int', char=Py_UCS4)
cdef unsigned int _checksum(str word, unsigned int before)

cdef unsigned int _ONES
cdef double _LARGEST

@cython.locals(n=Py_ssize_t, width=Py_ssize_t, begin=Py_ssize_t, end=Py_ssize_t, text=Py_ssize_t, k=Py_ssize_t, at=Py_ssize_t,
               total=double)
cpdef void mean_effects(const long long[::1] place, const long long[::1] length, const double[:, ::1] effects,
                        double[:, ::1] out)

@cython.locals(n=Py_ssize_t, columns=Py_ssize_t, row=Py_ssize_t, model=Py_ssize_t, k=Py_ssize_t, text=int, nan=double,
               units=double, expected=double, distance=double)
cpdef void distances(const double[:, ::1] logs, const double[:, ::1] constants, const double[:, ::1] effects,
                     const int[:, ::1] positions, const double[:, ::1] of_texts, const int[::1] places,
                     const int[::1] codes, double far, double[:, :] out)
