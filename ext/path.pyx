# Musculotendon lengths and moment arms of both legs from length polynomials in each leg's first eight angles.
#
# The arm is the exact derivative of the length, so the torque of a muscle and its shortening always agree in power.
from _path cimport path_lengths, path_rates, path_torque

MONOMIALS, MUSCLES = 2048, 64
"""The most monomials that a set of polynomials may have, and the most muscles a leg."""


def lengths(
    const double[:, ::1] q, const double[:, ::1] lo, const double[:, ::1] hi, const int[::1] parent, const int[::1] variable,
    const int[::1] row, const int[::1] target, const int[::1] column, const double[::1] weight, double[:, ::1] L,
    double[:, :, ::1] dL
):
    """Lengths L [m] (2, m) and their derivatives dL [m/rad] (2, m, 8) at the leg angles q [rad] (2, 8 or more).

    Angles are mapped to -1..1 over lo..hi (2, 8), a row a leg, and clipped there; a clipped angle has a zero derivative. The moment arm
    is -dL. parent .. weight: see simlab.paths.
    """
    if parent.shape[0] > MONOMIALS or L.shape[1] > MUSCLES:
        raise ValueError(f"at most {MUSCLES} muscles a leg and {MONOMIALS} monomials")
    with nogil:
        path_lengths(
            L.shape[1], parent.shape[0], &q[0, 0], q.shape[1], &lo[0, 0], &hi[0, 0], &parent[0], &variable[0],
            target.shape[0], &row[0], &target[0], &column[0], &weight[0], &L[0, 0], &dL[0, 0, 0],
        )


def rates(const double[:, :, ::1] dL, const double[:, ::1] qd, double[:, ::1] V):
    """Lengthening velocity V [m/s] (2, m) at the angular rates qd [rad/s] (2, 8 or more)."""
    with nogil:
        path_rates(V.shape[1], &dL[0, 0, 0], &qd[0, 0], qd.shape[1], &V[0, 0])


def torque(const double[:, :, ::1] dL, const double[:, ::1] force, double[:, ::1] tau):
    """Add the torque of the tendon forces [N] (2, m) to tau [Nm] (2, 8 or more)."""
    with nogil:
        path_torque(force.shape[1], &dL[0, 0, 0], &force[0, 0], tau.shape[1], &tau[0, 0])
