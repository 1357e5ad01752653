using System.Net;
using System.Net.Sockets;
using System.Text;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Client;

/// <summary>Writes one message with this xid.</summary>
public delegate void RequestWriter(OfBuffer buffer, uint xid);

/// <summary>Looks at one message, header and body; valid during the call only.</summary>
public delegate void MessageHandler(ReadOnlySpan<byte> message);

/// <summary>An OpenFlow 1.0 controller's end of a connection, for tools: one request at a time, or many changes and a barrier.</summary>
/// <remarks>
/// Threads: one at a time. Calls block until the answer is there or <see cref="Timeout"/> has passed. Echo requests are answered
/// whenever something is read; errors are collected in <see cref="Errors"/>. While it sends it also reads, so a switch that
/// answers a long batch with errors cannot bring both sides to a standstill.
/// Whatever the peer sends, only <see cref="OfClientException"/> is thrown. Handlers do not call back into the client.
/// </remarks>
public sealed partial class OfClient : IDisposable
{
    /// <summary>Errors kept; the others are counted.</summary>
    public const int MaxErrors = 1000;

    private const int FlushSize = 1 << 16;
    private readonly Socket _socket;
    private readonly OfFramer _framer = new();
    private readonly OfBuffer _out = new();
    private readonly List<OfReportedError> _errors = [];
    private int _sent;
    private uint _lastXid;

    private OfClient(OfTarget target, Socket socket, TimeSpan timeout)
    {
        Target = target.Text;
        _socket = socket;
        Timeout = timeout;
    }

    /// <summary>As given to <see cref="Connect"/>.</summary>
    public string Target { get; }

    /// <summary>How long the switch may take to answer or to take what we send.</summary>
    public TimeSpan Timeout { get; set; }

    /// <summary>The xid of the last message sent.</summary>
    public uint LastXid => _lastXid;

    /// <summary>Errors the switch sent since the connection began, in their order; the first <see cref="MaxErrors"/>.</summary>
    public IReadOnlyList<OfReportedError> Errors => _errors;

    /// <summary>How many errors the switch sent.</summary>
    public int ErrorCount { get; private set; }

    /// <summary>Receives what nobody asked for: packet-ins, flow-removed, port-status, late replies.</summary>
    public MessageHandler? OnMessage { get; set; }

    /// <summary>Connects and shakes hands.</summary>
    /// <param name="target"><c>tcp:HOST:PORT</c> or <c>unix:PATH</c>.</param>
    /// <exception cref="OfClientException">No such target, not reachable, or no OpenFlow 1.0 switch.</exception>
    public static OfClient Connect(string target, TimeSpan timeout)
    {
        if (!OfTarget.TryParse(target, out OfTarget parsed, out string error))
        {
            throw new OfClientException(error);
        }
        if (parsed.IsPassive)
        {
            throw new OfClientException($"{target}: a target to connect to is needed (tcp:HOST:PORT or unix:PATH)");
        }
        OfClient client = new(parsed, ConnectSocket(parsed, timeout), timeout);
        try
        {
            client.ShakeHands();
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>An xid not used before on this connection.</summary>
    public uint NextXid() => ++_lastXid;

    /// <summary>Queues a message that has no answer. It leaves with the next <see cref="Flush"/>, request or barrier, or when enough are queued.</summary>
    /// <returns>Its xid; an error about it carries the same.</returns>
    public uint Send(RequestWriter write)
    {
        uint xid = NextXid();
        write(_out, xid);
        if (_out.Length - _sent >= FlushSize)
        {
            Flush();
        }
        return xid;
    }

    /// <summary>Sends what is queued.</summary>
    public void Flush()
    {
        while (_out.Length > 0)
        {
            Wait(forWriting: true, Deadline());
            SendSome();
            ReceiveWhatIsThere();
        }
    }

    /// <summary>Sends a request and waits for its answer, all parts of it.</summary>
    /// <param name="replyType">What an answer looks like.</param>
    /// <param name="onReply">Called for each part.</param>
    /// <returns>False if the switch answered with an error: the last of <see cref="Errors"/>.</returns>
    public bool TryRequest(RequestWriter write, OfType replyType, MessageHandler onReply)
    {
        // Not by Flush, which would take an early answer for a message of no interest: Receive sends as well.
        uint xid = NextXid();
        write(_out, xid);
        long deadline = Deadline();
        while (true)
        {
            ReadOnlySpan<byte> message = Receive(deadline);
            OfHeader.TryDecode(message, out OfHeader header);
            bool isOurs = header.Xid == xid;
            if (!isOurs || header.Type != replyType)
            {
                Dispatch(message, header);
                if (isOurs && header.Type == OfType.Error)
                {
                    return false;
                }
                continue;
            }
            bool more = header.Type == OfType.StatsReply
                && StatsMessage.TryDecode(message, out _, out ushort flags, out _, out _) && (flags & StatsMessage.ReplyMore) != 0;
            onReply(message);
            if (!more)
            {
                return true;
            }
            deadline = Deadline();
        }
    }

    /// <summary>Waits until the switch has done everything sent so far, and has sent the errors that came of it (§5.3.7).</summary>
    /// <returns>How many errors were reported since the connection began.</returns>
    public int Barrier()
    {
        TryRequest(BarrierMessage.WriteRequest, OfType.BarrierReply, static _ => { });
        return ErrorCount;
    }

    /// <summary>Hands every message to <see cref="OnMessage"/>, errors included, until cancelled.</summary>
    /// <exception cref="OfClientException">The switch closed the connection.</exception>
    public void Monitor(CancellationToken cancellation)
    {
        Flush();
        while (!cancellation.IsCancellationRequested)
        {
            while (TryTakeMessage(out ReadOnlySpan<byte> message))
            {
                OfHeader.TryDecode(message, out OfHeader header);
                int errors = ErrorCount;
                Dispatch(message, header);
                if (errors != ErrorCount)
                {
                    OnMessage?.Invoke(message);
                }
            }
            Flush();
            // Short, so that a cancellation is noticed.
            if (_socket.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead))
            {
                ReceiveSome();
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private static Socket ConnectSocket(OfTarget target, TimeSpan timeout)
    {
        SocketException? last = null;
        try
        {
            foreach (EndPoint endPoint in target.Resolve())
            {
                Socket socket = OfTarget.CreateSocket(endPoint);
                try
                {
                    using CancellationTokenSource limit = new(timeout);
                    socket.ConnectAsync(endPoint, limit.Token).AsTask().GetAwaiter().GetResult();
                    socket.Blocking = false;
                    return socket;
                }
                catch (SocketException e)
                {
                    socket.Dispose();
                    last = e;
                }
                catch (OperationCanceledException)
                {
                    socket.Dispose();
                    last = new SocketException((int)SocketError.TimedOut);
                }
            }
        }
        catch (SocketException e)
        {
            last = e;
        }
        catch (ArgumentException e)
        {
            // A Unix path longer than the kernel takes.
            throw new OfClientException($"{target.Text}: {e.Message}", e);
        }
        throw new OfClientException($"{target.Text}: {Reason(last?.SocketErrorCode ?? SocketError.HostNotFound)}", last!);
    }

    private static string Reason(SocketError error) => error switch
    {
        SocketError.ConnectionRefused => "connection refused",
        SocketError.TimedOut => "connection timed out",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "host not found",
        SocketError.HostUnreachable => "no route to host",
        SocketError.NetworkUnreachable => "network is unreachable",
        SocketError.ConnectionReset => "connection reset by the switch",
        SocketError.AddressNotAvailable => "no such socket",
        _ => new SocketException((int)error).Message,
    };

    private void ShakeHands()
    {
        // Not by Flush, which would read the switch's hello as a message of no interest.
        HelloMessage.Write(_out, NextXid());
        ReadOnlySpan<byte> message = Receive(Deadline());
        OfHeader.TryDecode(message, out OfHeader header);
        if (header.Type == OfType.Error && ErrorMessage.TryDecode(message, out OfError error, out ReadOnlySpan<byte> data, out _))
        {
            string text = PortText.Printable(Encoding.UTF8.GetString(data));
            throw new OfClientException($"{Target}: the switch refused OpenFlow 1.0: {error.Name} {text}".TrimEnd());
        }
        if (header.Type != OfType.Hello || header.Version < OfHeader.Version10)
        {
            throw new OfClientException($"{Target}: this is no OpenFlow switch (its first message is no hello)");
        }
    }

    /// <summary>What is to be done with a message that is no answer waited for.</summary>
    private void Dispatch(ReadOnlySpan<byte> message, OfHeader header)
    {
        switch (header.Type)
        {
            case OfType.EchoRequest:
                EchoMessage.WriteReply(_out, header.Xid, EchoMessage.BodyOf(message));
                break;
            case OfType.Error when ErrorMessage.TryDecode(message, out OfError error, out _, out _):
                ErrorCount++;
                if (_errors.Count < MaxErrors)
                {
                    _errors.Add(new OfReportedError(header.Xid, error, message.ToArray()));
                }
                break;
            case OfType.Hello:
                break;
            default:
                OnMessage?.Invoke(message);
                break;
        }
    }

    /// <summary>Waits for the next message. Echo replies queued meanwhile are sent.</summary>
    private ReadOnlySpan<byte> Receive(long deadline)
    {
        ReadOnlySpan<byte> message;
        while (!TryTakeMessage(out message))
        {
            SendSome();
            Wait(forWriting: _out.Length > 0, deadline);
            ReceiveIfReadable();
        }
        return message;
    }

    private bool TryTakeMessage(out ReadOnlySpan<byte> message)
    {
        FramingResult result = _framer.TryRead(out message);
        if (result == FramingResult.BadLength)
        {
            throw new OfClientException($"{Target}: the switch sent a message with an impossible length");
        }
        if (result == FramingResult.Message && message[0] != OfHeader.Version10 && message[1] is not ((byte)OfType.Hello or (byte)OfType.Error))
        {
            throw new OfClientException($"{Target}: the switch sent a message of version 0x{message[0]:x2}; OpenFlow 1.0 is spoken here");
        }
        return result == FramingResult.Message;
    }

    private void ReceiveWhatIsThere()
    {
        // First what is framed already, so that there is room to receive into.
        DispatchAll();
        ReceiveIfReadable();
        DispatchAll();
    }

    private void DispatchAll()
    {
        while (TryTakeMessage(out ReadOnlySpan<byte> message))
        {
            OfHeader.TryDecode(message, out OfHeader header);
            Dispatch(message, header);
        }
    }

    private void ReceiveIfReadable()
    {
        if (_socket.Poll(TimeSpan.Zero, SelectMode.SelectRead))
        {
            ReceiveSome();
        }
    }

    private void ReceiveSome()
    {
        int count = _socket.Receive(_framer.Free().Span, SocketFlags.None, out SocketError error);
        if (error == SocketError.WouldBlock)
        {
            return;
        }
        if (error != SocketError.Success || count == 0)
        {
            throw new OfClientException($"{Target}: {(count == 0 && error == SocketError.Success ? "the switch closed the connection" : Reason(error))}");
        }
        _framer.Advance(count);
    }

    private void SendSome()
    {
        if (_out.Length == 0)
        {
            return;
        }
        int count = _socket.Send(_out.Written[_sent..], SocketFlags.None, out SocketError error);
        if (error == SocketError.Success)
        {
            _sent += count;
            if (_sent == _out.Length)
            {
                _out.Reset();
                _sent = 0;
            }
        }
        else if (error != SocketError.WouldBlock)
        {
            throw new OfClientException($"{Target}: {Reason(error)}");
        }
    }

    /// <summary>Waits until there is something to read, or room to write.</summary>
    private void Wait(bool forWriting, long deadline)
    {
        long left = Math.Max(0, deadline - Environment.TickCount64);
        List<Socket> readers = [_socket];
        List<Socket>? writers = forWriting ? [_socket] : null;
        Socket.Select(readers, writers, null, TimeSpan.FromMilliseconds(left));
        if (readers.Count == 0 && writers is null or { Count: 0 })
        {
            throw new OfClientException($"{Target}: the switch did not answer within {Timeout.TotalSeconds:0.#} s");
        }
    }

    private long Deadline() => Environment.TickCount64 + (long)Timeout.TotalMilliseconds;
}
