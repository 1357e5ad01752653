using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>A plain packet socket on one interface, frame by frame: independent of the rings it is there to check.</summary>
internal sealed unsafe class RawSocket : IDisposable
{
    private const int PACKET_AUXDATA = 8;
    private const int TagOffset = 12;

    private readonly int _socket;
    private readonly byte[] _buffer = new byte[70_000];

    /// <summary>Opens in the calling thread's network namespace.</summary>
    public RawSocket(string name)
    {
        using LinuxInterface device = LinuxInterface.Open(name, name);
        _socket = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        PacketSocket.Set(name, _socket, PacketSocket.PACKET_IGNORE_OUTGOING, 1, nameof(PacketSocket.PACKET_IGNORE_OUTGOING));
        PacketSocket.Set(name, _socket, PACKET_AUXDATA, 1, nameof(PACKET_AUXDATA));
        PacketSocket.SetBuffer(_socket, Libc.SO_RCVBUFFORCE, 8, 64 * 1024 * 1024);
        PacketSocket.Bind(name, _socket, device.Index, PacketSocket.ETH_P_ALL);
    }

    public bool Send(ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            nint sent = Libc.send(_socket, bytes, (nuint)frame.Length, 0);
            Assert.True(sent == frame.Length, $"send: {Errno.Text(Errno.Last)}");
        }
        return true;
    }

    /// <summary>As <see cref="Send"/>; false when the interface takes nothing: it is full, down or gone.</summary>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            return Libc.send(_socket, bytes, (nuint)frame.Length, 0) == frame.Length;
        }
    }

    /// <summary>The next frame, or null when none waits. The tag, which the kernel took out, is where it was.</summary>
    public byte[]? Receive()
    {
        AuxiliaryData data = default;
        fixed (byte* bytes = _buffer)
        {
            IoVector vector = new() { Base = bytes, Length = (nuint)_buffer.Length };
            MessageHeader message = new() { Vectors = &vector, VectorCount = 1, Control = &data, ControlLength = (nuint)sizeof(AuxiliaryData) };
            nint got = Libc.recvmsg(_socket, &message, Libc.MSG_DONTWAIT);
            if (got < 0)
            {
                return null;
            }
            ReadOnlySpan<byte> frame = _buffer.AsSpan(0, (int)got);
            if ((data.Status & PacketSocket.TP_STATUS_VLAN_VALID) == 0)
            {
                return frame.ToArray();
            }
            ushort type = (data.Status & PacketSocket.TP_STATUS_VLAN_TPID_VALID) != 0 ? data.VlanType : EtherType.Vlan;
            return [.. frame[..TagOffset], (byte)(type >> 8), (byte)type, (byte)(data.VlanTag >> 8), (byte)data.VlanTag, .. frame[TagOffset..]];
        }
    }

    /// <summary>The next frame, which has been sent: on a busy machine the kernel may not have brought it yet.</summary>
    public byte[] Expect()
    {
        byte[]? frame = null;
        Eventually.Polled(() => (frame = Receive()) != null, () => "a frame comes");
        return frame!;
    }

    public void Dispose() => _ = Libc.close(_socket);

    /// <summary>struct cmsghdr and struct tpacket_auxdata.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct AuxiliaryData
    {
        [FieldOffset(16)]
        public uint Status;

        [FieldOffset(32)]
        public ushort VlanTag;

        [FieldOffset(34)]
        public ushort VlanType;
    }
}
