"""Softswitch as a switch of Mininet 2.3.

On the command line:

    mn --custom softswitch.py --switch softswitch --topo tree,3 --test pingall

In a script, with this file's folder in PYTHONPATH:

    from softswitch import Softswitch
    net = Mininet(topo=LinearTopo(4), switch=Softswitch)

All switches of a network live in one process, `softswitch run`, which starts with the first of them, ends with the last, and does
not outlive Python. Its program is $SOFTSWITCH, or else the one of the checkout that this file is in, or else the one in PATH.
docs/mininet.md has the options and the limits.
"""

import atexit
import contextlib
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from urllib.parse import urlencode

from mininet.link import Intf, Link, OVSLink, TCLink, TCULink
from mininet.log import debug, error, info
from mininet.node import Switch
from mininet.util import which


class SwitchProcess:
    """The process that the switches live in, and a client of its control sockets.

    Threads: any one; the process itself belongs to a thread of its own, which reads what it says for as long as it lives.
    """

    PATIENCE = 60  # seconds that it may be silent; a busy machine takes a while, and only a failure takes that long

    def __init__(self, settings, switches):
        """Starts it and returns when all switches are ready.

        settings: of the process, by option name
        switches: a list of the settings of each switch"""
        self.name = 'mininet-%d' % os.getpid()
        self.settings = settings
        self.switches = {switch['name']: unixSockets(switch) for switch in switches}  # and what each listens at
        self._lines = deque(maxlen=1000)
        self._is_ready = threading.Event()
        self._popen = None
        self._failure = None
        self._is_ending = False
        # YAML reads JSON; and a file without a name is one that nobody has to remove.
        self._config = os.memfd_create('softswitch.yaml', 0)
        os.write(self._config, json.dumps(dict(settings, name=self.name, switches=switches)).encode())
        self._thread = threading.Thread(target=self._run, name='softswitch', daemon=True)
        self._thread.start()
        if not self._is_ready.wait(10):
            info('(waiting for the program, which a checkout builds first) ')
            self._is_ready.wait()
        os.close(self._config)
        if self._failure:
            raise self._failure
        if self._popen.poll() is not None:
            raise Exception(': '.join(['softswitch'] + self._last_words()) if self._lines else self.obituary())
        atexit.register(self.end)

    def _run(self):
        # The kernel tells a process of its parent's death when the thread ends that made it. This one ends with the process or with
        # Python. The session is its own, so that Ctrl-C at Mininet's prompt is not for it. Debuggers' pipes in /tmp would outlive a kill.
        try:
            self._popen = subprocess.Popen(
                ['setpriv', '--pdeathsig', 'TERM', '--'] + findProgram() + ['run', '--config', '/proc/self/fd/%d' % self._config],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[self._config],
                start_new_session=True, env=dict({'DOTNET_EnableDiagnostics': '0'}, **os.environ))
            for line in self._popen.stdout:
                line = line.decode(errors='replace').rstrip('\n')
                if line == 'ready':
                    self._is_ready.set()
                else:
                    debug('softswitch: %s\n' % line)
                    self._lines.append(line)
            self._popen.wait()
            if self._is_ready.is_set() and (self._popen.returncode or not self._is_ending):
                error('\n*** %s\n' % self.obituary())
        except OSError as e:
            self._failure = e
        finally:
            self._is_ready.set()

    def obituary(self):
        "What to say of a process that has ended."
        code = self._popen.returncode
        how = signal.Signals(-code).name if code < 0 else 'exit code %d' % code
        return ': '.join(['softswitch: the process of all switches has ended with ' + how] + self._last_words())

    def _last_words(self):
        last = '\n'.join(list(self._lines)[-10:])
        return [re.sub(r'(--config: )?/proc/self/fd/\d+:\d+: ', '', last)] if last else []

    @property
    def pid(self):
        "The process's id."
        return self._popen.pid

    def log(self):
        "Returns its last thousand lines."
        return '\n'.join(self._lines)

    def isRunning(self):
        "Whether the process is there."
        return self._popen.poll() is None

    def ask(self, path, body=None, method=None):
        """Sends a request to the control socket and returns the answer.

        path: '/switch/NAME' goes before one to a switch (docs/management.md)
        method: GET without a body, POST with one, unless given"""
        method = method or ('GET' if body is None else 'POST')
        try:
            client = SocketConnection(self.pathOf(self.name, 'sock'), self.PATIENCE)
            with contextlib.closing(client):
                client.request(method, path, body and body.encode())
                reply = client.getresponse()
                answer = reply.read().decode()
                if reply.status != 200:
                    raise Exception('softswitch: %s %s %s: %s' % (method, path, body or '', answer.rstrip('\n')))
                return answer
        except (OSError, http.client.HTTPException) as e:
            if self.isRunning():
                raise Exception('softswitch: %s %s: %s' % (method, path, e)) from e
        raise Exception(self.obituary())

    @staticmethod
    def pathOf(name, suffix):
        "A file of a switch or a process, among those of all that run."
        return os.path.join(os.environ.get('SOFTSWITCH_RUNDIR') or '/run/softswitch', '%s.%s' % (name, suffix))

    def add(self, switch):
        "Adds a switch, given by its settings; returns when it forwards."
        self.ask('/api/switches', json.dumps(switch))
        self.switches[switch['name']] = unixSockets(switch)

    def remove(self, name):
        "Removes a switch; the last one takes the process with it."
        if set(self.switches) == {name} or not self.isRunning():
            self.end()
        elif name in self.switches:
            self.ask('/api/switches?' + urlencode({'name': name}), method='DELETE')
            del self.switches[name]

    def end(self):
        "Ends the process and what it has."
        atexit.unregister(self.end)
        self._is_ending = True
        if self.isRunning():
            self._popen.terminate()
            try:
                self._popen.wait(self.PATIENCE)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._thread.join()
        if self._popen.returncode:
            self._tidy()
        self.switches = {}

    def _tidy(self):
        "Removes the sockets of a process that had no time to."
        for path in sum(self.switches.values(), [self.pathOf(name, 'sock') for name in [self.name, *self.switches]]):
            try:
                os.unlink(path)
            except OSError:
                pass  # it was not there


class SocketConnection(http.client.HTTPConnection):
    "HTTP over a Unix socket."

    def __init__(self, path, timeout):
        "path: of the socket"
        super().__init__('localhost', timeout=timeout)
        self._path = path

    def connect(self):
        "See HTTPConnection."
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def findProgram():
    "Returns the program and what comes before its arguments, or [] if it is not there."
    given = shlex.split(os.environ.get('SOFTSWITCH', ''))
    # `mn --custom` executes this file without giving it __file__.
    here = os.path.dirname(os.path.realpath(findProgram.__code__.co_filename))
    beside = os.path.join(os.path.dirname(here), 'softswitch')
    if given:
        return given if which(given[0]) else []
    return [beside] if os.access(beside, os.X_OK) and os.path.isfile(beside) else [p for p in [which('softswitch')] if p]


def managementSocket(name):
    """Returns where a switch listens for ovs-ofctl, which looks for a switch by its name there (ovs-ofctl(8)).

    Where Open vSwitch has a bridge of this name, it is in the folder of the other sockets."""
    folder = os.environ.get('OVS_RUNDIR') or '/var/run/openvswitch'
    path = os.path.join(folder, name + '.mgmt')
    with socket.socket(socket.AF_UNIX) as client:
        if client.connect_ex(path) == 0:
            return SwitchProcess.pathOf(name, 'mgmt')
    os.makedirs(folder, exist_ok=True)
    return path


def unixSockets(switch):
    "The Unix sockets that a switch with these settings listens at."
    return [target[len('punix:'):] for target in switch['listen'] if target.startswith('punix:')]


class Softswitch(Switch):
    "An OpenFlow 1.0 switch in user space; docs/mininet.md has its options."

    # Of the process that all of them share; every other option is of one switch.
    PROCESS_OPTIONS = {'workers', 'cpus', 'idle', 'frames', 'frame-size', 'log-level', 'log-format', 'web'}

    # What Mininet gives to any node, and what it is told by its parents' constructors.
    NODE_PARAMS = {
        'dpid', 'opts', 'listenPort', 'inNamespace', 'privateDirs', 'waitExited', 'isSwitch', 'cls', 'mac', 'ip', 'defaultRoute', 'lo'}

    # Those that the network itself says.
    OWN_OPTIONS = {'name', 'control', 'port', 'controller', 'datapath-id', 'config', 'take-over'}

    process = None  # shared by all

    @classmethod
    def setup(cls):
        "Makes sure that the program is there."
        if not findProgram():
            error('softswitch: %s\n' % (
                'SOFTSWITCH=%s is not there' % os.environ['SOFTSWITCH'] if os.environ.get('SOFTSWITCH') else
                'the program is neither beside %s nor in PATH; name it by SOFTSWITCH' % findProgram.__code__.co_filename))
            sys.exit(1)

    def __init__(self, name, failMode=None, datapath='user', inband=False, protocols=None, reconnectms=None, stp=False, batch=False,
                 backend=None, **params):
        """name: of the switch, and what `softswitch status NAME` calls it by
           failMode: secure or standalone; secure with a controller if absent, standalone without one
           datapath: user, the only one there is
           protocols: OpenFlow10 if anything
           stp: spanning tree
           batch: whether batchStartup follows, as Mininet says itself
           backend: packet (AF_PACKET) or xdp (AF_XDP) for all ports; the switch chooses if absent
           params: dpid, listenPort, ... as for any switch; all options of `softswitch run`, with _ for -"""
        options = {key.replace('_', '-'): value for key, value in params.items() if key not in self.NODE_PARAMS}
        refusals = [
            (params.get('inNamespace'), 'inNamespace: all switches are one process, so in one namespace'),
            (params.get('opts'), "opts: options are given as such: packet_in_rate=100 for '--packet-in-rate 100'"),
            (datapath != 'user', 'datapath=%s: it forwards in user space' % datapath),
            (isTrue(inband), 'inband: controllers are reached by way of the host, not through the switch'),
            (protocols and 'OpenFlow10' not in str(protocols), 'protocols=%s: it speaks OpenFlow10' % protocols),
            (reconnectms is not None, 'reconnectms: it tries again after 1, 2, 4, then every 8 seconds'),
            (backend not in (None, 'packet', 'xdp'), 'backend=%s: must be packet or xdp' % backend)]
        refusals += [(True, '%s: the network says it' % key) for key in sorted(self.OWN_OPTIONS.intersection(options))]
        for isRefused, reason in refusals:
            if isRefused:
                raise Exception('%s: %s' % (name, reason))
        Switch.__init__(self, name, **{key: value for key, value in params.items() if key in self.NODE_PARAMS})
        self.failMode = options.pop('fail-mode', failMode)
        self.stp = isTrue(stp)
        self.batch = batch
        self.backend = backend
        self.options = options
        self._pending = None  # settings of a switch that batchStartup is to start
        self._ports = {}      # number to name, of the ports it has
        self._gone = {}       # the same, of those whose interfaces were deleted
        self._controllers = []
        self._management = None

    # Life

    def start(self, controllers):
        """Starts the switch, or has batchStartup start it with all others.

        controllers: a list of Controller"""
        if self._isIn(self.process):
            self.process.remove(self.name)
        self._controllers = ['%s:%s:%d' % (c.protocol, c.IP(), c.port) for c in controllers]
        self.failMode = self.failMode or ('secure' if controllers else 'standalone')
        self._pending = self._settings()
        if not self.batch:
            self._startAll([self])

    def _settings(self):
        options = {key: value for key, value in self.options.items() if key not in self.PROCESS_OPTIONS}
        path = managementSocket(self.name)
        self._management = 'unix:' + path
        listen = ['punix:' + path] + (['ptcp:%d:127.0.0.1' % self.listenPort] if self.listenPort else [])
        if 'state' in options:
            options['state'] = os.path.join(options['state'], self.name)
        intfs = [intf for intf in self.intfList() if self.ports[intf] and not intf.IP()]
        self._ports = {self.ports[intf]: intf.name for intf in intfs}
        self._gone = {}
        settings = {
            'name': self.name, 'datapath-id': self.dpid, 'fail-mode': self.failMode, 'stp': self.stp,
            'port': [self._spec(intf) for intf in intfs], 'controller': self._controllers,
            'listen': asList(options.pop('listen', [])) + listen}
        return {key: asText(value) for key, value in dict(settings, **options).items()}

    def _spec(self, intf):
        target = 'patch:' + intf.link.cable if isinstance(intf, PatchIntf) else '%s:%s' % (self.backend, intf) if self.backend else str(intf)
        return '%d=%s' % (self.ports[intf], target)

    @classmethod
    def batchStartup(cls, switches):
        "Starts those that wait for it; returns all."
        cls._startAll([switch for switch in switches if switch._pending])
        return switches

    @staticmethod
    def _startAll(switches):
        if not switches:
            return
        settings = {}
        for switch in switches:
            for key in Softswitch.PROCESS_OPTIONS.intersection(switch.options):
                value = asText(switch.options[key])
                if settings.setdefault(key, value) != value:
                    raise Exception('%s: %s: all switches are one process, and another has %s' % (switch, key, settings[key]))
        process = Softswitch.process
        if process and process.isRunning():
            for key, value in settings.items():
                if process.settings.get(key) != value:
                    raise Exception('%s: %s: the process of all switches is running without it' % (switches[0], key))
            for switch in switches:
                process.add(switch._pending)
        else:
            Softswitch.process = SwitchProcess(settings, [switch._pending for switch in switches])
        for switch in switches:
            switch._pending = None
            switch.batch = False

    def isRunning(self):
        "Whether its process has it."
        return self._isIn(self.process) and self.process.isRunning()

    def _isIn(self, process):
        return process is not None and self.name in process.switches

    def stop(self, deleteIntfs=True):
        """Ends the switch.

        deleteIntfs: whether its interfaces go, too"""
        if self._isIn(self.process):
            self.process.remove(self.name)
        super().stop(deleteIntfs)

    @classmethod
    def batchShutdown(cls, switches):
        "Ends these switches; returns them."
        process = Softswitch.process
        if process and process.switches and set(process.switches) <= {switch.name for switch in switches}:
            process.end()
        for switch in switches:
            switch.stop(deleteIntfs=False)
        return switches

    # Ports

    def addIntf(self, intf, *args, **kwargs):
        "As of any node; a running switch has the port at once."
        super().addIntf(intf, *args, **kwargs)
        if self.isRunning() and self.ports[intf]:
            self.attach(intf)

    def delIntf(self, intf):
        """As of any node.

        The process sees for itself that an interface is gone, and says so to controllers. A whole network that is taken down interface by
        interface is spared a command for each."""
        if self.ports.get(intf) in self._ports:
            self._gone[self.ports[intf]] = self._ports.pop(self.ports[intf])
        super().delIntf(intf)

    def attach(self, intf):
        """Connects a data port; one that is connected stays.

        intf: an Intf of this switch, its name, or the name of any interface"""
        intf = self.nameToIntf.get(intf, intf)
        number = self.ports.get(intf)
        if self.isAttached(intf):
            return
        if self._gone.get(number) == str(intf):
            del self._gone[number]  # the port waits for an interface of this name
        else:
            for old in [old for old, name in self._gone.items() if old == number or name == str(intf)]:
                self._detach(old)
                del self._gone[old]
            self.ask('/api/ports', self._spec(intf) if number else str(intf))
        if number:
            self._ports[number] = str(intf)
        if not isinstance(intf, PatchIntf):
            self.cmd('ip link set', intf, 'up')

    def isAttached(self, intf):
        "Whether an Intf of this switch is connected."
        return self.ports.get(intf) in self._ports

    def detach(self, intf):
        """Disconnects a data port.

        intf: as for attach"""
        intf = self.nameToIntf.get(intf, intf)
        number = self.ports.get(intf)
        self._ports.pop(number, None)
        self._detach(number or intf)

    def _detach(self, port):
        self.ask('/api/ports?' + urlencode({'port': port}), method='DELETE')

    # What it says

    def connected(self):
        "Whether one of its controllers is connected, or none is needed; with stp, whether its ports have made up their minds besides."
        controllers = [c['state'] for c in self.report()['controllers'] if not c['isPeer']]
        if self._controllers and self.failMode != 'standalone' and 'connected' not in controllers:
            return False
        decided = re.findall('STP_(FORWARD|BLOCK)', self.dpctl('show')) if self.stp else []
        return not self.stp or ('FORWARD' in decided and len(decided) == len(self._ports))

    def report(self):
        "Returns what `softswitch status --json` does, as a dict."
        return json.loads(self.ask('/api/report'))

    def ask(self, path, body=None, method=None):
        "Sends a request to the switch, by the control socket (docs/management.md), and returns the answer."
        if not self.process:
            raise Exception('%s: was not started' % self)
        return self.process.ask('/switch/%s%s' % (self, path), body, method)

    def dpctl(self, *args):
        "Runs a command of ovs-ofctl's words, by `softswitch ofctl`, and returns what it says."
        if self.process and not self.process.isRunning():
            return self.process.obituary() + '\n'
        return self.cmd(' '.join(map(shlex.quote, findProgram())), 'ofctl', args[0], self._management, *args[1:])

    def log(self):
        "Returns the last lines of the process's log."
        return self.process.log() if self.process else ''


class PatchIntf(Intf):
    "An end of a PatchLink: a port of a switch, and no interface of the machine."

    def __init__(self, name, link=None, **kwargs):
        link.cable = link.cable or name  # that of the first end, as a network has it once
        super().__init__(name, link=link, **kwargs)

    def ifconfig(self, *args):
        "Takes up and down, which is all that Mininet asks of a link between switches."
        if args not in (('up',), ('down',)):
            raise Exception('%s: a patch cable has no interface; it takes up and down, not %s' % (self, ' '.join(args)))
        if args == ('down',):
            self._unplug()
        elif self.node.isRunning():
            self.node.attach(self)
        return ''

    def _unplug(self):
        if self.node.isRunning() and self.node.isAttached(self):
            self.node.detach(self)

    def delete(self):
        "Takes the end away."
        self._unplug()
        self.node.delIntf(self)
        self.link = None

    def status(self):
        "As of an interface that is there."
        return 'OK'


class PatchLink(Link):
    """Between two Softswitches a cable inside their process; between others a veth pair, as Link is.

    It is the quickest there is, and no tc, tcpdump or other program of the machine sees it."""

    def __init__(self, node1, node2, **kwargs):
        "See Link."
        self.cable = None
        self.isPatch = isinstance(node1, Softswitch) and isinstance(node2, Softswitch)
        if self.isPatch:
            kwargs.update(cls1=PatchIntf, cls2=PatchIntf)
        super().__init__(node1, node2, **kwargs)

    def makeIntfPair(self, *args, **kwargs):  # pylint: disable=arguments-differ
        "Makes none for a cable inside the process."
        return (None, None) if self.isPatch else super().makeIntfPair(*args, **kwargs)


def isTrue(value):
    "Whether an option is on, given by Python or by words as `mn` passes them."
    return str(value).lower() not in ('false', 'no', 'off', '0', 'none', '')


def asList(value):
    "A list of what may be one thing."
    return list(value) if isinstance(value, (list, tuple)) else [value]


def asText(value):
    "An option's value, or list of them, as `softswitch run` takes it."
    if isinstance(value, (list, tuple)):
        return [asText(item) for item in value]
    return str(value).lower() if isinstance(value, bool) or value in ('True', 'False') else str(value)


# What `mn --custom` takes from here. It adds to SWITCHES; for links it has no way but to name them all (its list of such ways lacks a comma).
switches = {'softswitch': Softswitch}
LINKS = {'default': Link, 'tc': TCLink, 'tcu': TCULink, 'ovs': OVSLink, 'patch': PatchLink}
