# Inverse kinematics of a recording, frame after frame; the maths is in _tracking.pxd.
from libc.math cimport fabs, sqrt
from libc.string cimport memset

from _kinematics cimport Tree, frames
from _math cimport rotate
from _tracking cimport Problem, Work, posture

DEF LINKS = 64
DEF MARKERS = 512


def track(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const int[::1] link,
    const double[:, ::1] local, const double[::1] weight, const double[::1] low, const double[::1] high,
    const int[::1] follows, const double[:, ::1] polynomial, const double[::1] pull, const double[::1] smooth,
    const double[:, :, ::1] targets, int first, int last, int stride, int neighbours, double[:, ::1] q,
    double[:, ::1] error, int[::1] steps
):
    """Postures of the frames first, first + stride, ... before (or, backwards, behind) `last`.

    targets (f, m, 3): measured markers [m], NaN for a gap. q (f, n + 6): a frame starts from the posture of the one
    that it comes from (the first from its own row) or, with neighbours, from its own row, and its row takes the result.
    Its smoothed angles are drawn to those of the frame it comes from or, with neighbours, to the mean of both beside it.
    error (f, m): distance of each marker [m], NaN for a gap; steps (f,): taken, negative where they did not suffice.
    The rest: see Problem in _tracking.pxd.
    """
    cdef Tree tree
    cdef Problem p
    cdef Work w
    cdef int f = first, before, after, two, i, j, k, m
    cdef double centre[LINKS]
    cdef double free[LINKS]
    cdef const double* strength = &smooth[0]
    cdef double r[3]
    cdef double d
    tree.n = parent.shape[0]
    if tree.n > LINKS or link.shape[0] > MARKERS:
        raise ValueError(f"at most {LINKS} links and {MARKERS} markers")
    tree.parent, tree.pos, tree.axis = &parent[0], &pos[0, 0], &axis[0, 0]
    p.markers = link.shape[0]
    p.link, p.local, p.weight = &link[0], &local[0, 0], &weight[0]
    p.low, p.high, p.follows, p.polynomial = &low[0], &high[0], &follows[0], &polynomial[0, 0]
    p.pull = &pull[0]
    memset(free, 0, sizeof(free))
    with nogil:
        while (f < last) if stride > 0 else (f > last):
            before, after = f - stride, f + stride
            p.smooth = strength
            if neighbours:
                before, after = max(f - 1, 0), min(f + 1, <int>q.shape[0] - 1)
            elif f == first:
                p.smooth = free
            else:
                two = f - 2 * stride if f - 2 * stride >= 0 and fabs(f - first) > 1.5 * fabs(stride) else before
                for i in range(tree.n + 6):     # as it went on (a quaternion is kept short of nothing: it is normalised)
                    q[f, i] = 2.0 * q[before, i] - q[two, i]
            for j in range(tree.n - 1):
                if neighbours:
                    centre[j] = 0.5 * (q[before, 7 + j] + q[after, 7 + j])
                elif f != first:
                    centre[j] = q[before, 7 + j]
                else:
                    centre[j] = 0.0
            steps[f] = posture(&tree, &p, &targets[f, 0, 0], centre, &q[f, 0], &w)
            frames(&tree, &q[f, 0], &w.at)
            for m in range(p.markers):
                rotate(w.at.R + 9 * p.link[m], p.local + 3 * m, r)
                d = 0.0
                for k in range(3):
                    r[k] += w.at.p[3 * p.link[m] + k] - targets[f, m, k]
                    d += r[k] * r[k]
                error[f, m] = sqrt(d)
            f += stride
