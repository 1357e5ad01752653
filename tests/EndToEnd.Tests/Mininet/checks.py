"""What a network of switches of class Softswitch has to do. `checks.py NAME` runs one of them in the namespace it is in; run it by
`isolated`. Each ends with exit code 0, or with a traceback."""

import glob
import os
import re
import signal
import socket
import subprocess
import sys
import time

from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import OVSController, RemoteController
from mininet.topo import LinearTopo, SingleSwitchTopo, Topo

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../../mininet'))
import softswitch  # pylint: disable=wrong-import-position
from softswitch import PatchLink, Softswitch  # pylint: disable=wrong-import-position

PATIENCE = 60  # only a failure takes as long


def eventually(condition, describe=lambda: ''):
    "Waits until a condition holds."
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, describe()
        time.sleep(.05)


def started(topo, **kwargs):
    "A network that runs, its switches connected."
    net = Mininet(topo=topo, switch=kwargs.pop('switch', Softswitch), waitConnected=True, **kwargs)
    net.start()
    return net


def answers(source, target, patience=1):
    "Whether a ping is answered; seconds of patience are few where eventually() asks again, or none is expected."
    return ' 0% packet loss' in source.cmd('ping -n -c 1 -W %d' % patience, target.IP())


def rate(source, target):
    "Bits per second of TCP. Mininet's own iperf() waits for ever with the iperf of Debian 12 (mininet issue 1060)."
    target.cmd('iperf -s > /dev/null & echo $! > /tmp/iperf')
    eventually(lambda: 'refused' not in source.cmd('iperf -f b -n 1K -c', target.IP()))
    said = source.cmd('iperf -f b -t 2 -c', target.IP())
    target.cmd('kill $(cat /tmp/iperf); wait; rm /tmp/iperf')
    return float(re.findall(r'(\d+) bits/sec', said)[-1])


def portsOf(switch):
    "Name by number, as the switch itself has them."
    shown = switch.dpctl('show')
    return {int(number): name for number, name in re.findall(r'^ (\d+)\(([^)]*)\): addr', shown, re.MULTILINE)}


def processes():
    "The command lines of all processes but this one's kind."
    lines = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            with open(path, 'rb') as file:
                lines.append(file.read().replace(b'\0', b' ').decode())
        except OSError:
            pass  # it has ended
    return [line for line in lines if 'softswitch' in line and 'checks.py' not in line and ' run ' in line]


def files():
    "What stands in the folders that sockets and files of a network go to."
    paths = glob.glob('/run/**/*', recursive=True) + glob.glob('/tmp/*') + glob.glob('/dev/shm/*')
    return sorted(path for path in paths if not os.path.isdir(path) and not path.endswith('.log'))  # these are of Mininet's controllers


def interfaces():
    "All there are."
    return sorted(name for _, name in socket.if_nameindex())


def picture():
    "What a network may leave behind."
    return processes(), files(), interfaces()


# The checks


def learning_and_dpctl():
    "A line of switches under a controller that learns; each has the datapath id and the port numbers that Mininet gave."
    net = started(LinearTopo(3), controller=OVSController, autoSetMacs=True, listenPort=7000)
    assert net.pingAll() == 0
    for switch in net.switches:
        assert 'dpid:' + switch.dpid in switch.dpctl('show'), switch.dpctl('show')
        assert portsOf(switch) == {number: intf.name for intf, number in switch.ports.items() if number}, switch.dpctl('show')
        assert 'cookie' in switch.dpctl('dump-flows')
    assert len(processes()) == 1, processes()
    net['s2'].dpctl('del-flows')  # exact entries of the controller's come before any other
    net['s2'].dpctl('add-flow', 'priority=65000,actions=drop')
    assert 'priority=65000' in net['s2'].dpctl('dump-flows'), net['s2'].dpctl('dump-flows')
    assert not answers(net['h1'], net['h3'])
    net['s2'].dpctl('del-flows')
    assert net.pingAll() == 0
    net.stop()


def without_controller():
    "Without a controller the switches forward as bridges; dpctl needs no port of TCP."
    net = started(SingleSwitchTopo(3), controller=None)
    assert net.pingAll() == 0
    assert net['s1'].connected() and net['s1'].listenPort is None and portsOf(net['s1']) == {1: 's1-eth1', 2: 's1-eth2', 3: 's1-eth3'}
    net.stop()


def ovs_ofctl_finds_a_switch_by_its_name():
    "As at Mininet's prompt, with a listening port of TCP besides and without; a bridge of Open vSwitch keeps its socket."
    os.rmdir('/run/openvswitch')
    for port in None, 7000:
        net = started(SingleSwitchTopo(2), controller=None, listenPort=port)
        shown = subprocess.run('ovs-ofctl show s1', shell=True, check=True, capture_output=True, text=True).stdout
        assert '2(s1-eth2)' in shown, shown
        net.stop()
    with socket.socket(socket.AF_UNIX) as bridge:
        bridge.bind('/run/openvswitch/s1.mgmt')
        bridge.listen()
        net = started(SingleSwitchTopo(2), controller=None)
        assert portsOf(net['s1']) == {1: 's1-eth1', 2: 's1-eth2'}
        net.stop()
        assert os.path.exists('/run/openvswitch/s1.mgmt')


def secure_without_controller():
    "What was asked for holds: nothing passes before there are flows."
    net = started(SingleSwitchTopo(2), controller=None, switch=lambda name, **params: Softswitch(name, failMode='secure', **params))
    assert net.pingAll(timeout='1') == 100
    net['s1'].dpctl('add-flow', 'actions=normal')
    eventually(lambda: answers(*net.hosts))  # they gave each other up
    assert net.pingAll() == 0
    net.stop()


def ports_that_come_and_go():
    "Links added and deleted, ports attached, detached and renamed, links down and up, while the network runs."
    net = started(SingleSwitchTopo(2), controller=None)
    s1, h1, h2 = net['s1'], net['h1'], net['h2']

    mac = '02:00:00:00:00:03'  # as others remember it
    h3 = net.addHost('h3')
    link = net.addLink(s1, h3, addr2=mac)
    h3.configDefault()
    assert portsOf(s1) == {1: 's1-eth1', 2: 's1-eth2', 3: 's1-eth3'}
    s1.attach('s1-eth3')  # as with Open vSwitch, where it is needed
    eventually(lambda: answers(h1, h3))

    net.delLink(link)
    eventually(lambda: 3 not in portsOf(s1), lambda: s1.dpctl('show'))
    link = net.addLink(s1, h3, addr2=mac)
    h3.configDefault()
    eventually(lambda: portsOf(s1).get(3) == 's1-eth3' and answers(h1, h3), lambda: s1.dpctl('show'))

    s1.detach('s1-eth3')
    assert 3 not in portsOf(s1) and not answers(h1, h3)
    s1.attach(link.intf1)
    assert portsOf(s1)[3] == 's1-eth3'
    eventually(lambda: answers(h1, h3))

    link.intf1.rename('uplink')
    eventually(lambda: portsOf(s1)[3] == 'uplink' and answers(h1, h3), lambda: s1.dpctl('show'))
    s1.detach('uplink')
    assert 3 not in portsOf(s1)

    net.configLinkStatus('s1', 'h2', 'down')
    assert not answers(h1, h2)
    net.configLinkStatus('s1', 'h2', 'up')
    eventually(lambda: answers(h1, h2))

    # One that no node of Mininet has made, with a number further up.
    s1.cmd('ip link add strange type veth peer name far')
    s1.attach('strange')
    assert 'strange' in portsOf(s1).values()
    s1.detach('strange')
    assert 'strange' not in portsOf(s1).values()
    s1.cmd('ip link del strange')
    net.stop()


def switches_that_come_and_go():
    "Switches stop, start, are added and deleted; the others go on in the same process."
    net = started(LinearTopo(3), controller=OVSController)
    process = Softswitch.process
    s1, s2, h1, h2, h3 = net.get('s1', 's2', 'h1', 'h2', 'h3')
    assert net.pingAll() == 0

    s1.stop(deleteIntfs=False)
    assert not answers(h1, h2)
    assert answers(h2, h3, patience=PATIENCE)
    s1.start(net.controllers)
    eventually(s1.connected)
    eventually(lambda: answers(h1, h2))

    s4 = net.addSwitch('s4')
    h4 = net.addHost('h4')
    net.addLink(h4, s4)
    net.addLink(s2, s4)
    h4.configDefault()
    s4.start(net.controllers)
    eventually(s4.connected)
    eventually(lambda: answers(h1, h4))
    net.delSwitch(s4)
    assert not answers(h1, h4) and answers(h1, h3, patience=PATIENCE)
    assert Softswitch.process is process and process.isRunning() and len(processes()) == 1
    net.stop()


def several_controllers():
    "A switch connects to all controllers of its network, one of them not Mininet's; connected() means any."
    remote = subprocess.Popen(['ovs-testcontroller', '--no-chdir', 'ptcp:7777:127.0.0.1'], stdout=subprocess.DEVNULL)
    net = Mininet(topo=SingleSwitchTopo(2), switch=Softswitch, controller=OVSController, build=False)
    net.addController('c1', controller=RemoteController, ip='127.0.0.1', port=7777)
    net.addController('c2', port=7778)
    net.build()
    net.start()
    s1 = net['s1']
    eventually(lambda: s1.report()['connections']['open'] == 2, lambda: str(s1.report()['controllers']))
    assert net.pingAll() == 0
    net['c2'].stop()
    remote.terminate()
    remote.wait()
    eventually(lambda: not s1.connected())
    net.stop()


def nothing_is_left():
    "A network that was stopped is as if it had not been; so it is for the next one in the same Python."
    before = picture()
    for _ in range(2):
        net = started(LinearTopo(2), controller=None)
        assert picture() != before
        net.stop()
        assert picture() == before, (before, picture())


def python_is_killed():
    "The process ends when Python is killed, and takes its sockets along."
    before = processes(), files()
    child = subprocess.Popen([sys.executable, __file__, 'stay'], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == 'running\n'
    assert len(processes()) == 1 and files() != before[1]
    child.kill()
    child.wait()
    eventually(lambda: (processes(), files()) == before, lambda: '%s %s' % (processes(), files()))


def stay():
    "For python_is_killed."
    started(LinearTopo(2), controller=None)
    print('running', flush=True)
    signal.pause()


def python_ends_early():
    "A script that ends without net.stop() leaves no process and no socket."
    before = processes(), files()
    ended = subprocess.run([sys.executable, __file__, 'forget'], check=False)
    assert ended.returncode == 3
    eventually(lambda: (processes(), files()) == before, lambda: '%s %s' % (processes(), files()))


def forget():
    "For python_ends_early."
    started(LinearTopo(2), controller=None)
    sys.exit(3)


def switch_is_killed():
    "When the process is killed, Mininet says so at once, and so does what is asked of it; net.stop() leaves nothing."
    said = []
    softswitch.error = said.append
    before = picture()
    net = started(LinearTopo(2), controller=None)
    os.kill(Softswitch.process.pid, signal.SIGKILL)
    eventually(lambda: said)
    for ask in (lambda: net['s1'].attach('lo'), net['s1'].connected, net['s1'].report):
        try:
            ask()
            assert False, 'a dead process answered'
        except Exception as e:  # pylint: disable=broad-except
            assert 'has ended with SIGKILL' in str(e), e
    assert 'has ended with SIGKILL' in net['s1'].dpctl('show')
    net.stop()
    assert len(said) == 1 and 'has ended with SIGKILL' in said[0], said
    assert picture() == before, (before, picture())


def what_makes_no_sense_is_refused():
    "Options without a meaning, and those that the program refuses, are named with the reason; nothing is left."
    before = picture()
    for option, value, reason in (
            ('datapath', 'kernel', 'user space'), ('inband', True, 'inband'), ('protocols', 'OpenFlow13', 'OpenFlow10'),
            ('reconnectms', 100, 'reconnectms'), ('opts', '--workers 2', 'packet_in_rate'), ('inNamespace', True, 'one process'),
            ('backend', 'dpdk', 'packet or xdp'), ('name_', 'x', 'name-'), ('no_such_option', 1, 'no-such-option'),
            ('failMode', 'open', 'fail-mode'), ('packet_in_rate', 'fast', 'packet-in-rate')):
        net = None
        try:
            net = Mininet(topo=Topo(), switch=Softswitch, controller=None)
            net.addSwitch('s1', **{option: value})
            net.start()
            assert False, '%s=%s was taken' % (option, value)
        except Exception as e:  # pylint: disable=broad-except
            assert 's1' in str(e) and reason in str(e) and '/proc/' not in str(e), '%s: %s' % (option, e)
        net.stop()
    assert picture() == before, (before, picture())


def options_of_switch_and_process():
    "Options of the program arrive where they belong."
    class OneSwitch(Topo):
        "Its switch has an option of its own."
        def build(self, **_params):
            "Two hosts."
            self.addSwitch('s1', packet_in_rate=77, protocols='OpenFlow10,OpenFlow13', datapath='user')
            for name in 'h1', 'h2':
                self.addLink('s1', self.addHost(name))

    net = started(OneSwitch(), controller=None, switch=lambda name, **params: Softswitch(name, workers=2, backend='packet', **params))
    assert net.pingAll() == 0
    report = net['s1'].report()
    assert len(report['workers']) == 2, report['workers']
    assert 'packet-in-rate: 77' in net['s1'].ask('/api/config'), net['s1'].ask('/api/config')
    net.stop()


class Ring(Topo):
    "Three switches with stp, a host each, each cabled to the next."

    def build(self, **_params):
        "Of the shortest times."
        for i in 1, 2, 3:
            self.addSwitch('s%d' % i, stp=True, stp_hello=1, stp_max_age=6, stp_forward_delay=4)
            self.addLink('s%d' % i, self.addHost('h%d' % i))
        for i, j in (1, 2), (2, 3), (3, 1):
            self.addLink('s%d' % i, 's%d' % j)


def spanning_tree_in_a_ring():
    "A ring of bridges with stp: connected() waits until ports forward, and nothing goes round; with a controller, too."
    for controller in None, OVSController:
        net = started(Ring(), controller=controller)
        assert net.pingAll() == 0
        net.stop()


def patch_links():
    "Cables inside the process between its switches: no interface; up, down and deleted like any."
    net = started(LinearTopo(3), controller=None, link=PatchLink)
    assert not [name for name in interfaces() if name.startswith('s')][3:], interfaces()
    assert net.pingAll() == 0
    h1, h3, s1, s2 = net.get('h1', 'h3', 's1', 's2')
    net.configLinkStatus('s1', 's2', 'down')
    assert not answers(h1, h3)
    net.configLinkStatus('s1', 's2', 'up')
    eventually(lambda: answers(h1, h3))
    net.delLinkBetween(s1, s2)
    assert not answers(h1, h3)
    net.addLink(s1, s2)
    eventually(lambda: answers(h1, h3))
    net.stop()


def shaped_links():
    "TCLink shapes what the switch sends: four times the rate is four times the bytes, both ways."
    net = Mininet(topo=None, switch=Softswitch, controller=None, link=TCLink)
    s1 = net.addSwitch('s1')
    for name, limit in ('h1', None), ('h2', 4), ('h3', 16):
        net.addLink(net.addHost(name), s1, bw=limit)
    net.build()
    net.start()
    h1, slow, fast = net.get('h1', 'h2', 'h3')
    rates = [[rate(h1, host), rate(host, h1)] for host in (slow, fast)]
    assert all(2.5 < quick / slow < 6 for slow, quick in zip(*rates)), rates
    net.stop()


if __name__ == '__main__':
    setLogLevel(os.environ.get('LEVEL', 'info'))
    globals()[sys.argv[1]]()
