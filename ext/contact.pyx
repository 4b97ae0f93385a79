# Rigid contact of the soles with flat ground, for one step; the maths is in _contact.pxd.
from libc.stdlib cimport free, malloc

from _contact cimport Ground, ground_forces, stand_on


cdef class Contact:
    """The ground under one body.

    skeleton: parent, pos, axis, mass, com, inertia; spheres: link, centre [m] (k, 3), radius [m] (k,); friction: along
    each horizontal axis; erp: share of a depth that a step takes back; dt: step [s]; gravity [m/s2].
    """

    cdef Ground* ground
    cdef object kept

    def __cinit__(self):
        self.ground = <Ground*>malloc(sizeof(Ground))
        if self.ground == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.ground)

    def __init__(self, skeleton, spheres, double friction, double erp, double dt, gravity):
        self.kept = skeleton, spheres
        stand_on(self.ground, skeleton, spheres, friction, erp, dt, gravity)

    def forces(
        self, const double[::1] q, const double[::1] v, const double[::1] torque, double[:, ::1] point,
        double[:, ::1] force
    ):
        """Write the lowest points of the spheres [m] (k, 3) and the ground's forces on them [N] (k, 3) in the step from
        the state q (28,), v (27,) under the hinge torques [Nm] (21,). Returns the iterations, -1 if there is no answer.
        """
        cdef int found
        with nogil:
            found = ground_forces(self.ground, &q[0], &v[0], &torque[0], &point[0, 0], &force[0, 0])
        return found
