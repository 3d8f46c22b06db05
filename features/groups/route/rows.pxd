cimport cython

from features.table.coded cimport rows_of

@cython.locals(view="int[::1]", place=Py_ssize_t, count=Py_ssize_t, texts=list, known=dict)
cdef _number_countries(list columns)

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
    matrix="double[:, :]", kind=Py_ssize_t, of_left=dict, lefts="const int[:]", rights="const int[:]", of_texts=list,
    texts=list, column=Py_ssize_t, row=Py_ssize_t, of_text=dict,
)
cpdef fill_shares(table, list shares, out)
