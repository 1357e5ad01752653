using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Tap;

namespace Softswitch.Lab;

/// <summary>A TAP device that stays: its node takes it by its name as it does every interface, and one QEMU at a time, or a switch, has its other end.</summary>
/// <remarks>While its other end is closed, it has no carrier.</remarks>
internal static unsafe class TapCable
{
    /// <summary>Makes it, up.</summary>
    /// <exception cref="PortException">The kernel refuses.</exception>
    public static void Lay(LabNode node, string name, bool hasSeveralQueues)
    {
        node.Run(() =>
        {
            int descriptor = TapPort.OpenQueue(node.Name, name, existed: false, hasSeveralQueues);
            try
            {
                if (Libc.ioctl(descriptor, TunDevice.TUNSETPERSIST, (void*)1) < 0)
                {
                    throw PortException.FromErrno(node.Name, "TUNSETPERSIST");
                }
                using LinuxInterface device = LinuxInterface.Open(node.Name, name);
                TapPort.SetQueueLength(device); // a port does so only with a device it has made
            }
            finally
            {
                _ = Libc.close(descriptor);
            }
        });
        node.BringUp(name);
    }
}
