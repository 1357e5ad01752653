using System.Buffers.Binary;
using System.Text;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Hosting.TakeOver;

/// <summary>Messages between the two processes of a hand-over, with descriptors. Nothing waits for longer than it is told to.</summary>
/// <remarks>A message is its kind, the length of what follows in four bytes, little-endian, and that. Threads: one at a time.</remarks>
internal sealed class HandoverChannel : IDisposable
{
    /// <summary>Of the protocol and all that it carries, entries and devices' records included: both sides have the same, or nothing happens.</summary>
    public const int Version = 4;

    private const int HeaderLength = 5;

    private readonly DescriptorSocket _socket;
    private readonly int _mostBytes;
    private readonly MemoryStream _message = new();
    private readonly List<int> _descriptors = [];

    /// <param name="socket">Connected; the channel's.</param>
    /// <param name="mostBytes">Of a message that is received.</param>
    public HandoverChannel(DescriptorSocket socket, int mostBytes)
    {
        (_socket, _mostBytes) = (socket, mostBytes);
        Payload = new BinaryWriter(_message);
        Clear();
    }

    /// <summary>Takes what the next message carries.</summary>
    public BinaryWriter Payload { get; }

    /// <summary>Sends what was written to <see cref="Payload"/>.</summary>
    /// <param name="timeout">For how many milliseconds the peer may read nothing.</param>
    /// <param name="descriptors">They stay the caller's.</param>
    /// <exception cref="IOException">The peer is gone, reads nothing, or failed; the message says why.</exception>
    public void Send(HandoverMessage kind, int timeout, params ReadOnlySpan<int> descriptors)
    {
        Span<byte> message = _message.GetBuffer().AsSpan(0, (int)_message.Length);
        message[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(message[1..], message.Length - HeaderLength);
        try
        {
            _socket.Send(message, descriptors, timeout);
        }
        catch (SystemCallException) when (kind != HandoverMessage.Failed)
        {
            Receive(0, out _, out _); // says why, if the peer did
            throw;
        }
        finally
        {
            Clear();
        }
    }

    /// <summary>Receives the next message.</summary>
    /// <param name="timeout">For how many milliseconds the peer may say nothing.</param>
    /// <param name="descriptors">Those that came with it: the caller's.</param>
    /// <exception cref="IOException">The peer is gone, says nothing, or failed; the message says why.</exception>
    /// <exception cref="InvalidDataException">It is no message.</exception>
    public HandoverMessage Receive(int timeout, out byte[] payload, out int[] descriptors)
    {
        _descriptors.Clear();
        try
        {
            Span<byte> header = stackalloc byte[HeaderLength];
            _socket.Receive(header, _descriptors, timeout);
            int length = BinaryPrimitives.ReadInt32LittleEndian(header[1..]);
            if (length < 0 || length > _mostBytes)
            {
                throw new InvalidDataException($"a message of {length} bytes");
            }
            payload = new byte[length];
            _socket.Receive(payload, _descriptors, timeout);
            HandoverMessage kind = (HandoverMessage)header[0];
            if (kind == HandoverMessage.Failed)
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
    public BinaryReader Expect(HandoverMessage kind, int timeout)
    {
        HandoverMessage got = Receive(timeout, out byte[] payload, out int[] descriptors);
        if (descriptors.Length > 0 || got != kind)
        {
            Close(descriptors);
            throw new InvalidDataException($"a message {got} in place of {kind}");
        }
        return new BinaryReader(new MemoryStream(payload));
    }

    /// <summary>Tells the peer why it ends here. A peer that is gone need not know.</summary>
    public void Fail(string reason)
    {
        Clear();
        Payload.Write(Encoding.UTF8.GetBytes(reason));
        try
        {
            Send(HandoverMessage.Failed, timeout: 0);
        }
        catch (IOException)
        {
            // it finds out
        }
    }

    /// <summary>As <see cref="DescriptorSocket.EndReceiving"/>.</summary>
    public void EndReceiving() => _socket.EndReceiving();

    public void Dispose()
    {
        Payload.Dispose();
        _socket.Dispose();
    }

    /// <summary>Closes descriptors that came with a message, or copies that were sent with one.</summary>
    public static void Close(IEnumerable<int> descriptors)
    {
        foreach (int descriptor in descriptors.Where(descriptor => descriptor >= 0))
        {
            _ = Libc.close(descriptor);
        }
    }

    private void Clear()
    {
        _message.SetLength(HeaderLength);
        _message.Position = HeaderLength;
    }
}
