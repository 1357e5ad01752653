using System.Runtime.InteropServices;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.VhostUser;

/// <summary>
/// A front-end's socket as whole messages with their descriptors. Nothing here waits, and whatever comes, every descriptor is closed or
/// taken.
/// </summary>
/// <remarks>Threads: one at a time.</remarks>
/// <param name="socket">This object's from now on.</param>
internal sealed class VhostUserChannel(DescriptorSocket socket) : IDisposable
{
    private readonly byte[] _buffer = new byte[VhostUserHeader.Bytes + VhostUserShape.LongestOfAll];
    private readonly List<int> _descriptors = [];
    private int _filled;
    private bool _isWhole;

    /// <summary>Polls readable when something may have come.</summary>
    public int Descriptor => socket.Descriptor;

    /// <summary>The message that was read last.</summary>
    public VhostUserHeader Header => MemoryMarshal.Read<VhostUserHeader>(_buffer);

    public VhostUserRequest Request => (VhostUserRequest)Header.Request;

    public ReadOnlySpan<byte> Payload => _buffer.AsSpan(VhostUserHeader.Bytes, (int)Header.Size);

    /// <summary>How many descriptors came with it and were not taken.</summary>
    public int DescriptorCount => _descriptors.Count;

    /// <summary>The oldest of them; still this object's.</summary>
    public int FirstDescriptor => _descriptors[0];

    /// <summary>Reads the next message: as much of it as is there.</summary>
    /// <returns>False until all of it has come.</returns>
    /// <exception cref="InvalidDataException">It cannot be one of the protocol's.</exception>
    /// <exception cref="EndOfStreamException">The front-end closed its end.</exception>
    /// <exception cref="SystemCallException">The connection is broken.</exception>
    public bool TryRead()
    {
        if (_isWhole)
        {
            CloseDescriptors();
            (_filled, _isWhole) = (0, false);
        }
        while (true)
        {
            int wanted = _filled < VhostUserHeader.Bytes ? VhostUserHeader.Bytes : VhostUserHeader.Bytes + (int)Header.Size;
            if (_filled == wanted)
            {
                return _isWhole = true;
            }
            int got = socket.TryReceive(_buffer.AsSpan(_filled, wanted - _filled), _descriptors);
            if (got < 0)
            {
                return false;
            }
            if (got == 0)
            {
                throw new EndOfStreamException(_filled == 0 ? "the front-end hung up" : "the front-end hung up in the middle of a message");
            }
            if (_descriptors.Count > RegionMessage.MostInTable)
            {
                throw new InvalidDataException($"{_descriptors.Count} descriptors, more than any message has");
            }
            _filled += got;
            if (_filled == VhostUserHeader.Bytes)
            {
                Check();
            }
        }
    }

    /// <summary>Answers the message.</summary>
    /// <exception cref="SystemCallException">The front-end is gone, or does not read.</exception>
    public void Reply<T>(T payload)
        where T : unmanaged
    {
        int size = Marshal.SizeOf<T>();
        Span<byte> reply = stackalloc byte[VhostUserHeader.Bytes + size];
        MemoryMarshal.Write(reply, new VhostUserHeader(Header.Request, VhostUserHeader.Version | VhostUserHeader.IsReply, (uint)size));
        MemoryMarshal.Write(reply[VhostUserHeader.Bytes..], payload);

        // A socket's buffer has room for a thousand replies: a front-end that filled it reads none.
        if (socket.TrySend(reply, default) != reply.Length)
        {
            throw new SystemCallException("the front-end reads none of its replies");
        }
    }

    /// <summary>Takes the oldest descriptor of the message; the caller's then.</summary>
    /// <exception cref="InvalidDataException">There is none left.</exception>
    public int TakeDescriptor()
    {
        if (_descriptors.Count == 0)
        {
            throw new InvalidDataException("a descriptor is missing");
        }
        int first = _descriptors[0];
        _descriptors.RemoveAt(0);
        return first;
    }

    public void Dispose()
    {
        CloseDescriptors();
        socket.Dispose();
    }

    private void Check()
    {
        VhostUserHeader header = Header;
        uint version = header.Flags & VhostUserHeader.VersionMask;
        if (version != VhostUserHeader.Version)
        {
            throw new InvalidDataException($"a message of version {version}, not {VhostUserHeader.Version}");
        }
        if ((header.Flags & VhostUserHeader.IsReply) != 0)
        {
            throw new InvalidDataException($"message {header.Request}: a reply that nobody asked for");
        }
        if (header.Size > VhostUserShape.LongestOfAll)
        {
            throw new InvalidDataException($"message {header.Request}: {header.Size} bytes of payload, more than any has");
        }
    }

    private void CloseDescriptors()
    {
        _descriptors.ForEach(descriptor => _ = Libc.close(descriptor));
        _descriptors.Clear();
    }
}
