using System.Buffers.Binary;
using System.Text;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Hosting.TakeOver;

/// <summary>Messages between the two processes of a take-over, with descriptors. Nothing waits for longer than it is told to.</summary>
/// <remarks>Threads: one at a time.</remarks>
/// <param name="socket">Connected; the channel's.</param>
/// <param name="mostBytes">Of a message that is received.</param>
internal sealed class TakeOverChannel(DescriptorSocket socket, int mostBytes) : IDisposable
{
    /// <summary>Of the protocol and all that it carries: both sides have the same, or nothing happens.</summary>
    public const int Version = 2;

    private const int HeaderLength = 5;

    private readonly List<int> _descriptors = [];

    /// <param name="descriptors">They stay the caller's.</param>
    /// <exception cref="SystemCallException">The peer is gone, or reads nothing for so many milliseconds.</exception>
    public void Send(TakeOverMessage kind, ReadOnlySpan<byte> payload, int patience, params ReadOnlySpan<int> descriptors)
    {
        byte[] message = new byte[HeaderLength + payload.Length];
        message[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(1), payload.Length);
        payload.CopyTo(message.AsSpan(HeaderLength));
        try
        {
            socket.Send(message, descriptors, patience);
        }
        catch (SystemCallException) when (kind != TakeOverMessage.Failed)
        {
            Receive(0, out _, out _); // says why, if the peer did
            throw;
        }
    }

    /// <summary>Writes a message's payload and sends it; errors as <see cref="Send(TakeOverMessage, ReadOnlySpan{byte}, int, ReadOnlySpan{int})"/>.</summary>
    public void Send(TakeOverMessage kind, int patience, Action<BinaryWriter> write, params ReadOnlySpan<int> descriptors)
    {
        using MemoryStream payload = new();
        using (BinaryWriter writer = new(payload, Encoding.UTF8, leaveOpen: true))
        {
            write(writer);
        }
        Send(kind, payload.GetBuffer().AsSpan(0, (int)payload.Length), patience, descriptors);
    }

    /// <summary>Receives the next message.</summary>
    /// <param name="descriptors">Those that came with it: the caller's.</param>
    /// <exception cref="IOException">The peer is gone, says nothing, or failed; the message says why.</exception>
    /// <exception cref="InvalidDataException">It is no message.</exception>
    public TakeOverMessage Receive(int patience, out byte[] payload, out int[] descriptors)
    {
        _descriptors.Clear();
        try
        {
            Span<byte> header = stackalloc byte[HeaderLength];
            socket.Receive(header, _descriptors, patience);
            int length = BinaryPrimitives.ReadInt32LittleEndian(header[1..]);
            if (length < 0 || length > mostBytes)
            {
                throw new InvalidDataException($"a message of {length} bytes");
            }
            payload = new byte[length];
            socket.Receive(payload, _descriptors, patience);
            TakeOverMessage kind = (TakeOverMessage)header[0];
            if (kind == TakeOverMessage.Failed)
            {
                throw new IOException(Encoding.UTF8.GetString(payload).ReplaceLineEndings(" "));
            }
            descriptors = [.. _descriptors];
            return kind;
        }
        catch
        {
            Close(_descriptors);
            throw;
        }
    }

    /// <summary>Receives a message that can be of one kind only; errors as <see cref="Receive"/>.</summary>
    public byte[] Expect(TakeOverMessage kind, int patience)
    {
        TakeOverMessage got = Receive(patience, out byte[] payload, out int[] descriptors);
        if (descriptors.Length > 0 || got != kind)
        {
            Close(descriptors);
            throw new InvalidDataException($"a message {got} in place of {kind}");
        }
        return payload;
    }

    /// <summary>Tells the peer why it ends here. A peer that is gone need not know.</summary>
    public void Fail(string reason)
    {
        try
        {
            Send(TakeOverMessage.Failed, Encoding.UTF8.GetBytes(reason), patience: 0);
        }
        catch (IOException)
        {
            // it finds out
        }
    }

    /// <summary>As <see cref="DescriptorSocket.EndReceiving"/>.</summary>
    public void EndReceiving() => socket.EndReceiving();

    public void Dispose() => socket.Dispose();

    private static void Close(IEnumerable<int> descriptors)
    {
        foreach (int descriptor in descriptors)
        {
            _ = Libc.close(descriptor);
        }
    }
}
