cimport cython

cdef double _NAN

@cython.locals(view=cython.int[::1], place=Py_ssize_t, text=str)
cpdef numbers(list texts, dict known)
@cython.locals(view=cython.int[::1], place=Py_ssize_t, parts=list)
cpdef passages(list routings, dict known)

@cython.locals(
    origins="const int[:]", exports="const int[:]", consignors="const int[:]", consignees="const int[:]",
    loadings="const int[:]", unloadings="const int[:]", routings="const int[:]", origin_number="const int[:]",
    export_number="const int[:]", consignor_number="const int[:]", consignee_number="const int[:]",
    loading_number="const int[:]", unloading_number="const int[:]", countries="const int[:]", ends="const int[:]",
    matrix="double[:, :]", row=Py_ssize_t, at=Py_ssize_t, origin=int, export=int, consignor=int, consignee=int, loading=int,
    unloading=int, code=int, start=int, country=int,
)
cpdef country_columns(
    table, origin_of, export_of, consignor_of, consignee_of, loading_of, unloading_of, tuple passed, out
)
cdef double _agree(int left, int right) noexcept nogil

@cython.locals(
    left_codes="const int[:]", right_codes="const int[:]", left_number="const int[:]", right_number="const int[:]",
    keys="const long long[:]", values="const double[:]", width="long long", first="long long", second="long long",
    key="long long", low=Py_ssize_t, high=Py_ssize_t, middle=Py_ssize_t, matrix="double[:, :]", row=Py_ssize_t,
)
cpdef share_column(left, left_of, right, right_of, shares, Py_ssize_t column, out)
