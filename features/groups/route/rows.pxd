cimport cython

cdef double _NAN

@cython.locals(view="int[::1]", place=Py_ssize_t, count=Py_ssize_t, texts=list)
cdef numbers(list columns, dict known)

@cython.locals(
    origins="const int[:]", exports="const int[:]", consignors="const int[:]", consignees="const int[:]",
    loadings="const int[:]", unloadings="const int[:]", routings="const int[:]", country_of="const int[::1]",
    end_of="int[::1]", matrix="double[:, :]", place=Py_ssize_t, passed=list, routing_texts=list,
    of_export=Py_ssize_t, of_consignor=Py_ssize_t,
    of_consignee=Py_ssize_t, of_loading=Py_ssize_t, of_unloading=Py_ssize_t, of_passed=Py_ssize_t, row=Py_ssize_t,
    at=Py_ssize_t, origin=int, export=int, consignor=int, consignee=int, loading=int, unloading=int, code=int, start=int,
    country=int,
)
cpdef country_columns(table, list loading_countries, list unloading_countries, out)
cdef double _agree(int left, int right) noexcept nogil

@cython.locals(
    left_of="const int[::1]", right_of="const int[::1]", left_codes="const int[:]", right_codes="const int[:]", keys="const long long[:]", values="const double[:]",
    width="long long", first="long long", second="long long", key="long long", low=Py_ssize_t, high=Py_ssize_t,
    middle=Py_ssize_t, matrix="double[:, :]", row=Py_ssize_t,
)
cpdef share_column(left, right, lefts, rights, shares, Py_ssize_t column, out)
