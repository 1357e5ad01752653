using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Netlink;

namespace Softswitch.Ports.KernelOffload;

/// <summary>A TAP device to which the program sends what is for the software. Packet sockets see each packet on its way; the device itself drops all.</summary>
/// <remarks>
/// A socket on the port's interface would see every packet, whatever the program does with it. The device ends with its descriptors. Its only queue
/// is detached, so that it keeps no packet, and it has no queueing discipline, so that it waits for nothing.
/// </remarks>
internal sealed unsafe class PuntDevice : IDisposable
{
    /// <param name="descriptor">This one's from now on.</param>
    /// <param name="index">Of the device.</param>
    public PuntDevice(int descriptor, int index)
    {
        Descriptor = descriptor;
        Source = new PacketSource(index, IsOutgoing: true);
    }

    /// <summary>The device ends with the last one like it, in whichever process.</summary>
    public int Descriptor { get; }

    /// <summary>For the port's receiving rings.</summary>
    public PacketSource Source { get; }

    /// <summary>Makes the device in the calling thread's network namespace.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="interfaceIndex">The port's interface, after which it is named.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    public static PuntDevice Open(string port, int interfaceIndex)
    {
        string name = $"punt{interfaceIndex}";
        int descriptor = Libc.open(TunDevice.Path, Libc.O_RDWR | Libc.O_CLOEXEC | Libc.O_NONBLOCK);
        if (descriptor < 0)
        {
            throw PortException.FromErrno(port, $"open({TunDevice.Path})");
        }
        try
        {
            InterfaceRequest request = InterfaceRequest.For(name);
            request.Short = TunDevice.IFF_TAP | TunDevice.IFF_NO_PI | TunDevice.IFF_VNET_HDR | TunDevice.IFF_MULTI_QUEUE | TunDevice.IFF_TUN_EXCL;
            Control(port, descriptor, TunDevice.TUNSETIFF, &request, nameof(TunDevice.TUNSETIFF));
            _ = TunDevice.PassOffloads(port, descriptor);
            request.Short = TunDevice.IFF_DETACH_QUEUE;
            Control(port, descriptor, TunDevice.TUNSETQUEUE, &request, nameof(TunDevice.TUNSETQUEUE));
            using NetlinkSocket links = NetlinkSocket.Open();
            int index = links.FindLink(name)!.Index;
            links.SetNoIpv6Address(name); // nor does the stack send by it
            links.SetNoQueue(index);
            using LinuxInterface device = LinuxInterface.Open(port, name);
            int error = device.SetUp(up: true);
            device.Leave();
            return error == 0 ? new PuntDevice(descriptor, index) : throw PortException.FromErrno(port, $"{name}: SIOCSIFFLAGS(IFF_UP)", error);
        }
        catch (Exception e)
        {
            _ = Libc.close(descriptor);
            if (e is SystemCallException)
            {
                throw new PortException($"{port}: {name}: {e.Message}", e);
            }
            throw;
        }
    }

    public void Dispose() => _ = Libc.close(Descriptor);

    private static void Control(string port, int descriptor, uint code, void* argument, string name)
    {
        if (Libc.ioctl(descriptor, code, argument) < 0)
        {
            throw PortException.FromErrno(port, name);
        }
    }
}
