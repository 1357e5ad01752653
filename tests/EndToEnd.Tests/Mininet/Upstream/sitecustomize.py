"""What every Python that Mininet's tests start begins with: Softswitch in the place of Mininet's switches, and nothing that kills programs
by name or writes to /etc."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../../../mininet'))

# pylint: disable=wrong-import-position
import mininet.clean
import mininet.node
import mininet.util
from softswitch import Softswitch


class OVSSwitch(Softswitch):
    "Takes what tests say of the kernel's datapath for ours."

    def __init__(self, *args, **kwargs):
        kwargs.pop('datapath', None)
        super().__init__(*args, **kwargs)

    @classmethod
    def isOldOVS(cls):
        "Port numbers can be asked for."
        return False


class UserSwitch(OVSSwitch):
    "A class of its own: some tests skip it."


mininet.node.OVSSwitch = mininet.node.OVSKernelSwitch = OVSSwitch
mininet.node.UserSwitch = UserSwitch

import mininet.nodelib
mininet.util.fixLimits = lambda: None  # its sysctls are everybody's
mininet.clean.cleanup = mininet.clean.Cleanup.cleanup = lambda: print('cleanup() was asked for', flush=True)
mininet.nodelib.NAT.setManualConfig = lambda self, intf: None
