using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>A plain packet socket on one interface, frame by frame: independent of the rings it is there to check.</summary>
internal sealed unsafe class RawSocket : IDisposable
{
    private readonly int _socket;
    private readonly byte[] _buffer = new byte[70_000];

    /// <summary>Opens in the calling thread's network namespace.</summary>
    public RawSocket(string name)
    {
        using LinuxInterface device = LinuxInterface.Open(name, name);
        _socket = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        PacketSocket.Set(name, _socket, PacketSocket.PACKET_IGNORE_OUTGOING, 1, nameof(PacketSocket.PACKET_IGNORE_OUTGOING));
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

    /// <summary>The next frame, or null when none waits.</summary>
    public byte[]? Receive()
    {
        fixed (byte* bytes = _buffer)
        {
            IoVector vector = new() { Base = bytes, Length = (nuint)_buffer.Length };
            MessageHeader message = new() { Vectors = &vector, VectorCount = 1 };
            nint got = Libc.recvmsg(_socket, &message, Libc.MSG_DONTWAIT);
            return got < 0 ? null : _buffer[..(int)got];
        }
    }

    /// <summary>The next frame, which has been sent: on a busy machine the kernel may not have brought it yet.</summary>
    public byte[] Expect()
    {
        byte[]? frame = null;
        Eventually.True(() => (frame = Receive()) != null, "a frame comes");
        return frame!;
    }

    public void Dispose() => _ = Libc.close(_socket);
}
