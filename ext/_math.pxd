# Vectors, rotations: maths at a point. Everything is inline, so each extension that cimports it is self-contained.
from libc.math cimport cos, sin, sqrt

cdef inline void cross(const double* a, const double* b, double* out) noexcept nogil:
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]

cdef inline double dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

cdef inline void rotate(const double* R, const double* x, double* out) noexcept nogil:
    # out = R x, R row-major 3 x 3
    out[0] = R[0] * x[0] + R[1] * x[1] + R[2] * x[2]
    out[1] = R[3] * x[0] + R[4] * x[1] + R[5] * x[2]
    out[2] = R[6] * x[0] + R[7] * x[1] + R[8] * x[2]

cdef inline void matmul(const double* A, const double* B, double* out) noexcept nogil:
    cdef int i, j
    for i in range(3):
        for j in range(3):
            out[3 * i + j] = A[3 * i] * B[j] + A[3 * i + 1] * B[3 + j] + A[3 * i + 2] * B[6 + j]

cdef inline void axis_rotation(const double* n, double angle, double* R) noexcept nogil:
    # Rodrigues: rotation by `angle` about the unit vector n
    cdef double c = cos(angle), s = sin(angle), t = 1.0 - c
    R[0] = t * n[0] * n[0] + c
    R[1] = t * n[0] * n[1] - s * n[2]
    R[2] = t * n[0] * n[2] + s * n[1]
    R[3] = t * n[0] * n[1] + s * n[2]
    R[4] = t * n[1] * n[1] + c
    R[5] = t * n[1] * n[2] - s * n[0]
    R[6] = t * n[0] * n[2] - s * n[1]
    R[7] = t * n[1] * n[2] + s * n[0]
    R[8] = t * n[2] * n[2] + c

cdef inline void quaternion_rotation(const double* q, double* R) noexcept nogil:
    # q = x y z w; divided by its norm, so that integration drift does not shear the body
    cdef double n = 1.0 / sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    cdef double x = q[0] * n, y = q[1] * n, z = q[2] * n, w = q[3] * n
    R[0] = 1 - 2 * (y * y + z * z)
    R[1] = 2 * (x * y - z * w)
    R[2] = 2 * (x * z + y * w)
    R[3] = 2 * (x * y + z * w)
    R[4] = 1 - 2 * (x * x + z * z)
    R[5] = 2 * (y * z - x * w)
    R[6] = 2 * (x * z - y * w)
    R[7] = 2 * (y * z + x * w)
    R[8] = 1 - 2 * (x * x + y * y)
