# All physics steps of a control tick without Python: state, muscles, tissue, ground, torque, step.
#
# pybullet's shared library exports Bullet's C interface. The client that a pybullet connection uses is not among the
# exports, but Bullet hands one to every plugin of that connection: the plugin here (initPlugin_simlab) does nothing but
# keep it. So the world is made in Python, once, and both paths act on the same bodies: their results are the same bits.
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from _contact cimport Ground, ground_forces, stand_on
from _legs cimport Legs, leg_forces, leg_torque, legs
from _muscle cimport muscle_activation

cdef extern from "dlfcn.h" nogil:
    void* dlopen(const char* path, int flags)
    void* dlsym(void* library, const char* name)
    int RTLD_LAZY
    int RTLD_NOLOAD

DEF HINGES = 21
DEF CROSSED = 8
DEF MUSCLES = 64                # a leg
DEF PLUGIN_VERSION = 202010061  # of Bullet's shared-memory interface; another one refuses the plugin
DEF TORQUE_CONTROL = 1
DEF WORLD_FRAME = 2
DEF SPHERES = 16

# The beginning of Bullet's b3PluginContext.
cdef struct Context:
    void* client

ctypedef void* (*Init)(void*) noexcept nogil
ctypedef void* (*InitBody)(void*, int) noexcept nogil
ctypedef void* (*InitControl)(void*, int, int) noexcept nogil
ctypedef void* (*Submit)(void*, void*) noexcept nogil
ctypedef int (*SetNumber)(void*, int, double) noexcept nogil
ctypedef void (*AddForce)(void*, int, int, const double*, const double*, int) noexcept nogil
ctypedef int (*GetState)(void*, int*, int*, int*, const double**, const double**, const double**, const double**) noexcept nogil

cdef struct Interface:
    Submit submit
    InitBody request_state
    GetState get_state
    InitControl control
    SetNumber set_torque
    Init step
    Init push
    AddForce add_force

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


def client():
    """Address of the client of the connection that has loaded the plugin last."""
    return <size_t>newest_client


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
    bullet.push = <Init>dlsym(loaded, b"b3ApplyExternalForceCommandInit")
    bullet.add_force = <AddForce>dlsym(loaded, b"b3ApplyExternalForce")
    found = {
        "b3SubmitClientCommandAndWaitStatus": bullet.submit != NULL,
        "b3RequestActualStateCommandInit": bullet.request_state != NULL,
        "b3GetStatusActualState": bullet.get_state != NULL,
        "b3JointControlCommandInit2": bullet.control != NULL,
        "b3JointControlSetDesiredForceTorque": bullet.set_torque != NULL,
        "b3InitStepSimulationCommand": bullet.step != NULL,
        "b3ApplyExternalForceCommandInit": bullet.push != NULL,
        "b3ApplyExternalForce": bullet.add_force != NULL,
    }
    return [name for name, there in found.items() if not there]


cdef class Stepper:
    """Physics steps of one body, with the muscles and tissue of both legs and the ground under its feet.

    client: of the connection, from `client()`; body: Bullet's number; hinges, angles (21,): where each
    hinge's torque and angle are in its arrays; links (22,): its numbers of the links; paths: `Paths.arguments()`;
    muscles: F0, lopt, lts, height, onset, one, slack, gain, each (2, m); tissue (2, 9, 9): `Model.passive`; band: `Model.band.arguments()`; skeleton,
    spheres: as `simlab.kernels.contact` takes them; foot (k,): 0 right, 1 left; settings: numbers by name.
    """

    cdef void* client
    cdef int body
    cdef double dt, tau_act, tau_deact
    cdef const int[::1] hinges, angles, links, link, foot
    cdef Legs legs
    cdef Ground* ground
    cdef object kept

    def __cinit__(self):
        self.ground = <Ground*>malloc(sizeof(Ground))
        if self.ground == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.ground)

    def __init__(
        self, size_t client, int body, hinges, angles, links, paths, muscles, tissue, band, skeleton, spheres, foot, settings
    ):
        self.client = <void*>client
        self.body, self.hinges, self.angles, self.links = body, hinges, angles, links
        self.link, self.foot = spheres[0], foot
        self.kept = paths, muscles, tissue, skeleton, spheres
        self.dt, self.tau_act, self.tau_deact = settings["dt"], settings["tau_act"], settings["tau_deact"]
        self.legs = legs(paths, muscles, tissue, skeleton, band, settings["vmax"], settings["lumbar_damping"])
        stand_on(
            self.ground, skeleton, spheres, settings["friction"], settings["erp"], self.dt, settings["gravity"]
        )

    def state(self, double[::1] q, double[::1] v):
        """Write the state q (28,), v (27,) as `World.state` has it."""
        with nogil:
            self._read(&q[0], &v[0])

    def advance(
        self, int steps, double[:, ::1] activation, const double[:, ::1] excitation, const double[::1] lumbar,
        double[:, ::1] reaction
    ):
        """Advance by `steps` physics steps under constant excitation (2, m) and lumbar torque [Nm] (3,).

        activation (2, m) is advanced in place; reaction (2, 3) receives the mean ground reaction of each foot [N].
        Returns the number of steps whose ground reaction is not exact.
        """
        cdef int failures
        with nogil:
            failures = self._advance(steps, &activation[0, 0], &excitation[0, 0], &lumbar[0], &reaction[0, 0])
        return failures

    cdef void _read(self, double* q, double* v) noexcept nogil:
        cdef const double* position
        cdef const double* rate
        cdef int k
        cdef void* status = bullet.submit(self.client, bullet.request_state(self.client, self.body))
        bullet.get_state(status, NULL, NULL, NULL, NULL, &position, &rate, NULL)
        for k in range(7):
            q[k] = position[k]
        for k in range(6):
            v[k] = rate[k]
        for k in range(HINGES):
            q[7 + k] = position[self.angles[k]]
            v[6 + k] = rate[self.hinges[k]]

    cdef int _advance(
        self, int steps, double* activation, const double* excitation, const double* lumbar, double* reaction
    ) noexcept nogil:
        cdef double q[7 + HINGES]
        cdef double v[6 + HINGES]
        cdef double torque[HINGES]
        cdef double active[2 * MUSCLES]
        cdef double passive[2 * MUSCLES]
        cdef double dL[2 * MUSCLES * CROSSED]
        cdef double point[3 * SPHERES]
        cdef double force[3 * SPHERES]
        cdef double on_foot[6]
        cdef void* command
        cdef int step, s, k, n = 2 * self.legs.m, failures = 0
        memset(reaction, 0, 6 * sizeof(double))
        for step in range(steps):
            self._read(q, v)
            muscle_activation(n, activation, excitation, self.dt, self.tau_act, self.tau_deact)
            leg_forces(&self.legs, q, v, active, passive, dL)
            for k in range(n):
                active[k] = active[k] * activation[k] + passive[k]
            leg_torque(&self.legs, q, v, active, dL, torque)
            for k in range(3):
                torque[k] += lumbar[k]
            failures += ground_forces(self.ground, q, v, torque, point, force) < 0
            memset(on_foot, 0, sizeof(on_foot))
            for s in range(self.ground.spheres):
                for k in range(3):
                    on_foot[3 * self.foot[s] + k] += force[3 * s + k]
                if force[3 * s + 1] != 0.0:  # a command each: Bullet mixes up the forces of one
                    command = bullet.push(self.client)
                    bullet.add_force(
                        command, self.body, self.links[self.link[s]], force + 3 * s, point + 3 * s, WORLD_FRAME
                    )
                    bullet.submit(self.client, command)
            command = bullet.control(self.client, self.body, TORQUE_CONTROL)
            for k in range(HINGES):
                bullet.set_torque(command, self.hinges[k], torque[k])
            bullet.submit(self.client, command)
            bullet.submit(self.client, bullet.step(self.client))
            for k in range(6):
                reaction[k] += on_foot[k] / steps
        return failures
