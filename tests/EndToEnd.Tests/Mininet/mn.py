"""Debian's mn, whose cleanup kills programs by name, without it."""

import runpy
import sys

import mininet.clean


def cleanup():
    "Says that it was asked for: mn does so when it fails, and ends with exit code 0 all the same."
    sys.exit('mn failed')


mininet.clean.cleanup = mininet.clean.Cleanup.cleanup = cleanup
sys.argv[0] = '/usr/bin/mn'
runpy.run_path(sys.argv[0], run_name='__main__')
