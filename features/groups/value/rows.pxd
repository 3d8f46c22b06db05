cimport cython
from libc.math cimport exp, log1p

@cython.locals(
    usd="const double[:]", declared="const double[:]", packages="const double[:]", share=double, first_row="const long long[:]",
    n=Py_ssize_t, log="const double[:, :]", total="const double[:]", row_of="const int[:]",
    typical="const double[:, :, :]", rates="const double[:]", matrix="double[:, :]",
    shipments=Py_ssize_t, shipment=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, row=Py_ssize_t,
    at=Py_ssize_t, per_package=double, value=double, mass=double, density=double, shipment_value=double, euros=double,
    amount=double,
)
cpdef fill_values(table, amounts, usual_row, usual, euro_rate, out)
cdef double _roundness(double amount) noexcept nogil
@cython.locals(distance=double)
cdef double _distance(double value, double median, double spread) noexcept nogil
