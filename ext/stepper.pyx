# All physics steps of a control tick without Python: state, muscles, tissue, torque, step, ground reaction.
#
# pybullet's shared library exports Bullet's C interface. The client that a pybullet connection uses is not among the
# exports, but Bullet hands one to every plugin of that connection: the plugin here (initPlugin_simlab) does nothing but
# keep it. So the world is made in Python, once, and both paths act on the same bodies: their results are the same bits.
from libc.string cimport memset

from _muscle cimport muscle_activation, muscle_contraction
from _passive cimport passive_torque
from _path cimport path_lengths, path_rates, path_torque

cdef extern from "dlfcn.h" nogil:
    void* dlopen(const char* path, int flags)
    void* dlsym(void* library, const char* name)
    int RTLD_LAZY
    int RTLD_NOLOAD

DEF HINGES = 21
DEF LEG = 9
DEF CROSSED = 8
DEF MUSCLES = 64                # a leg
DEF MONOMIALS = 2048
DEF PLUGIN_VERSION = 202010061  # of Bullet's shared-memory interface; another one refuses the plugin
DEF TORQUE_CONTROL = 1

# The beginning of Bullet's b3PluginContext.
cdef struct Context:
    void* client

# b3ContactPointData and b3ContactInformation of Bullet's public C header SharedMemoryPublic.h.
cdef struct Contact:
    int flags, body_a, body_b, link_a, link_b
    double on_a[3]
    double on_b[3]
    double normal[3]
    double distance
    double normal_force
    double friction_1
    double friction_2
    double direction_1[3]
    double direction_2[3]

cdef struct Contacts:
    int number
    Contact* points

ctypedef void* (*Init)(void*) noexcept nogil
ctypedef void* (*InitBody)(void*, int) noexcept nogil
ctypedef void* (*InitControl)(void*, int, int) noexcept nogil
ctypedef void* (*Submit)(void*, void*) noexcept nogil
ctypedef int (*SetNumber)(void*, int, double) noexcept nogil
ctypedef void (*SetBody)(void*, int) noexcept nogil
ctypedef int (*GetState)(void*, int*, int*, int*, const double**, const double**, const double**, const double**) noexcept nogil
ctypedef void (*GetContacts)(void*, Contacts*) noexcept nogil

cdef struct Interface:
    Submit submit
    InitBody request_state
    GetState get_state
    InitControl control
    SetNumber set_torque
    Init step
    Init request_contacts
    SetBody filter_a
    SetBody filter_b
    GetContacts get_contacts

cdef Interface bullet
cdef void* newest_client = NULL


cdef public int initPlugin_simlab(void* context) noexcept:
    global newest_client
    newest_client = (<Context*>context).client
    return PLUGIN_VERSION


cdef public void exitPlugin_simlab(void* context) noexcept:
    pass


cdef public int executePluginCommand_simlab(void* context, const void* arguments) noexcept:
    return -1


def link(library):
    """Find Bullet's C interface in the loaded shared library at the path `library`. Returns the names it lacks."""
    cdef bytes path = library.encode()
    cdef void* loaded = dlopen(path, RTLD_LAZY | RTLD_NOLOAD)
    if loaded == NULL:
        return ["the library itself"]
    bullet.submit = <Submit>dlsym(loaded, b"b3SubmitClientCommandAndWaitStatus")
    bullet.request_state = <InitBody>dlsym(loaded, b"b3RequestActualStateCommandInit")
    bullet.get_state = <GetState>dlsym(loaded, b"b3GetStatusActualState")
    bullet.control = <InitControl>dlsym(loaded, b"b3JointControlCommandInit2")
    bullet.set_torque = <SetNumber>dlsym(loaded, b"b3JointControlSetDesiredForceTorque")
    bullet.step = <Init>dlsym(loaded, b"b3InitStepSimulationCommand")
    bullet.request_contacts = <Init>dlsym(loaded, b"b3InitRequestContactPointInformation")
    bullet.filter_a = <SetBody>dlsym(loaded, b"b3SetContactFilterBodyA")
    bullet.filter_b = <SetBody>dlsym(loaded, b"b3SetContactFilterBodyB")
    bullet.get_contacts = <GetContacts>dlsym(loaded, b"b3GetContactPointInformation")
    found = {
        "b3SubmitClientCommandAndWaitStatus": bullet.submit != NULL,
        "b3RequestActualStateCommandInit": bullet.request_state != NULL,
        "b3GetStatusActualState": bullet.get_state != NULL,
        "b3JointControlCommandInit2": bullet.control != NULL,
        "b3JointControlSetDesiredForceTorque": bullet.set_torque != NULL,
        "b3InitStepSimulationCommand": bullet.step != NULL,
        "b3InitRequestContactPointInformation": bullet.request_contacts != NULL,
        "b3SetContactFilterBodyA": bullet.filter_a != NULL,
        "b3SetContactFilterBodyB": bullet.filter_b != NULL,
        "b3GetContactPointInformation": bullet.get_contacts != NULL,
    }
    return [name for name, there in found.items() if not there]


cdef class Stepper:
    """Physics steps of one body on one ground, the muscles and tissue of both legs included.

    Made right after its connection has loaded the plugin. body, ground: Bullet's numbers; hinges (21,): index of each
    hinge's torque in Bullet's command; angles (21,): index of each hinge's angle in Bullet's state; feet (links,): 0
    right, 1 left, by Bullet's link; paths: `Paths.arguments()`; muscles: F0, lopt, lts, penn, onset, one, slack, gain,
    each (2, m); tissue (2, 9, 9): `Model.passive`.
    """

    cdef void* client
    cdef int body, ground, m
    cdef double dt, vmax, tau_act, tau_deact, lumbar_damping
    cdef const int[::1] hinges, angles, feet, parent, variable, row, column
    cdef const double[::1] lo, hi, weight
    cdef const double[:, ::1] F0, lopt, lts, penn, onset, one, slack, gain
    cdef const double[:, :, ::1] tissue

    def __init__(
        self, int body, int ground, hinges, angles, feet, paths, muscles, tissue, double dt, double vmax,
        double tau_act, double tau_deact, double lumbar_damping,
    ):
        if newest_client == NULL:
            raise RuntimeError("no connection has loaded the plugin")
        self.client = newest_client
        self.body, self.ground, self.dt = body, ground, dt
        self.hinges, self.angles, self.feet = hinges, angles, feet
        self.lo, self.hi, self.parent, self.variable, self.row, self.column, self.weight = paths
        self.F0, self.lopt, self.lts, self.penn, self.onset, self.one, self.slack, self.gain = muscles
        self.tissue = tissue
        self.m = self.F0.shape[1]
        self.vmax, self.tau_act, self.tau_deact, self.lumbar_damping = vmax, tau_act, tau_deact, lumbar_damping
        if self.m > MUSCLES or self.parent.shape[0] > MONOMIALS:
            raise ValueError(f"at most {MUSCLES} muscles a leg and {MONOMIALS} monomials")

    def state(self, double[::1] q, double[::1] v):
        """Write the state q (28,), v (27,) as `World.state` has it."""
        cdef const double* position
        cdef const double* rate
        cdef int k
        with nogil:
            self._read(&position, &rate)
            for k in range(7):
                q[k] = position[k]
            for k in range(6):
                v[k] = rate[k]
            for k in range(HINGES):
                q[7 + k] = position[self.angles[k]]
                v[6 + k] = rate[self.hinges[k]]

    def advance(
        self, int steps, double[:, ::1] activation, const double[:, ::1] excitation, const double[::1] lumbar,
        double[:, ::1] ground
    ):
        """Advance by `steps` physics steps under constant excitation (2, m) and lumbar torque [Nm] (3,).

        activation (2, m) is advanced in place; ground (2, 3) receives the mean ground reaction [N].
        """
        with nogil:
            self._advance(steps, &activation[0, 0], &excitation[0, 0], &lumbar[0], &ground[0, 0])

    cdef void _read(self, const double** position, const double** rate) noexcept nogil:
        cdef void* status = bullet.submit(self.client, bullet.request_state(self.client, self.body))
        bullet.get_state(status, NULL, NULL, NULL, NULL, position, rate, NULL)

    cdef void _advance(
        self, int steps, double* activation, const double* excitation, const double* lumbar, double* ground
    ) noexcept nogil:
        cdef double q[2 * LEG]
        cdef double qd[2 * LEG]
        cdef double torque[HINGES]
        cdef double L[2 * MUSCLES]
        cdef double V[2 * MUSCLES]
        cdef double active[2 * MUSCLES]
        cdef double passive[2 * MUSCLES]
        cdef double fibre[2 * MUSCLES]
        cdef double dL[2 * MUSCLES * CROSSED]
        cdef double reaction[6]
        cdef const double* angle
        cdef const double* rate
        cdef void* command
        cdef int m = self.m, step, k
        memset(ground, 0, 6 * sizeof(double))
        for step in range(steps):
            self._read(&angle, &rate)
            muscle_activation(2 * m, activation, excitation, self.dt, self.tau_act, self.tau_deact)
            for k in range(2 * LEG):
                q[k] = angle[self.angles[3 + k]]
                qd[k] = rate[self.hinges[3 + k]]
            path_lengths(
                m, self.parent.shape[0], q, LEG, &self.lo[0], &self.hi[0], &self.parent[0], &self.variable[0],
                &self.row[0], &self.column[0], &self.weight[0], L, dL,
            )
            path_rates(m, dL, qd, LEG, V)
            muscle_contraction(
                2 * m, L, V, &self.F0[0, 0], &self.lopt[0, 0], &self.lts[0, 0], &self.penn[0, 0], &self.onset[0, 0],
                &self.one[0, 0], &self.slack[0, 0], &self.gain[0, 0], self.vmax, active, passive, fibre,
            )
            for k in range(3):
                torque[k] = -self.lumbar_damping * rate[self.hinges[k]]
            for k in range(2):
                passive_torque(q + LEG * k, qd + LEG * k, &self.tissue[k, 0, 0], torque + 3 + LEG * k)
            for k in range(2 * m):
                active[k] = active[k] * activation[k] + passive[k]
            path_torque(m, dL, active, LEG, torque + 3)
            for k in range(3):
                torque[k] += lumbar[k]
            command = bullet.control(self.client, self.body, TORQUE_CONTROL)
            for k in range(HINGES):
                bullet.set_torque(command, self.hinges[k], torque[k])
            bullet.submit(self.client, command)
            bullet.submit(self.client, bullet.step(self.client))
            self._ground_reaction(reaction)
            for k in range(6):
                ground[k] += reaction[k] / steps

    cdef void _ground_reaction(self, double* force) noexcept nogil:
        cdef Contacts contacts
        cdef Contact* c
        cdef int i, k, foot
        cdef void* command = bullet.request_contacts(self.client)
        bullet.filter_a(command, self.body)
        bullet.filter_b(command, self.ground)
        bullet.submit(self.client, command)
        bullet.get_contacts(self.client, &contacts)
        memset(force, 0, 6 * sizeof(double))
        for i in range(contacts.number):
            c = &contacts.points[i]
            foot = self.feet[c.link_a]
            for k in range(3):
                force[3 * foot + k] += (
                    c.normal_force * c.normal[k] + c.friction_1 * c.direction_1[k] + c.friction_2 * c.direction_2[k]
                )
