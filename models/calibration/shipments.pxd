"""C types of `models.calibration.shipments`."""

cimport cython

@cython.locals(
    n=Py_ssize_t, row=Py_ssize_t, k=Py_ssize_t, knot=Py_ssize_t, first=Py_ssize_t, last=Py_ssize_t, start=Py_ssize_t,
    x=double,
)
cpdef void calibrate(
    const double[:, :] raw, const int[::1] first_knot, const double[::1] knots, const double[::1] values,
    const double[::1] slopes, double[:, ::1] out
)

@cython.locals(
    shipment=Py_ssize_t, shipments=Py_ssize_t, first=Py_ssize_t, end=Py_ssize_t, row=Py_ssize_t, best=Py_ssize_t,
    k=Py_ssize_t, reds=Py_ssize_t, largest=double,
)
cpdef Py_ssize_t gather_shipments(
    const long long[::1] first_row, const double[::1] item_log_odds, const double[:, ::1] item_heads, double yellow,
    double red, double[::1] risk, double[:, ::1] heads, long long[::1] riskiest, signed char[::1] lanes
)
