# An elastic band around both thighs, above the knees: it pulls them together, each at a point of its femur.
#
# Force and counterforce on two points of one body leave no net wrench, so the band is hinge torques alone.
from libc.math cimport sqrt

from _kinematics cimport Pose, Tree, frames
from _math cimport cross, dot, rotate

cdef struct Band:
    double stiffness            # [N/m], 0: no band
    double rest                 # distance of the points at which it is slack [m]
    int link[2]
    double point[6]             # in the links' frames [m]
    Tree tree


cdef inline void band_torque(const Band* band, const double* q, double* torque) noexcept nogil:
    # Adds to the hinge torques [Nm] (21,).
    cdef Pose at
    cdef double place[6]
    cdef double force[3]
    cdef double arm[3]
    cdef double moment[3]
    cdef double axis[3]
    cdef double pull, length = 0.0
    cdef int i, k, u
    frames(&band.tree, q, &at)
    for i in range(2):
        rotate(at.R + 9 * band.link[i], band.point + 3 * i, place + 3 * i)
        for k in range(3):
            place[3 * i + k] += at.p[3 * band.link[i] + k]
    for k in range(3):
        force[k] = place[3 + k] - place[k]
        length += force[k] * force[k]
    length = sqrt(length)
    if length <= band.rest:
        return
    pull = band.stiffness * (length - band.rest) / length
    for i in range(2):
        u = band.link[i]
        while u > 0:
            for k in range(3):
                arm[k] = place[3 * i + k] - at.p[3 * u + k]
            cross(arm, force, moment)
            rotate(at.R + 9 * u, band.tree.axis + 3 * u, axis)
            torque[u - 1] += (pull if i == 0 else -pull) * dot(axis, moment)
            u = band.tree.parent[u]
