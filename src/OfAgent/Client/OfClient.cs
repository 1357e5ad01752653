using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Client;

/// <summary>Writes one message with this xid.</summary>
internal delegate void RequestWriter(OfBuffer buffer, uint xid);

/// <summary>Looks at one message, header and body; valid during the call only.</summary>
internal delegate void MessageHandler(ReadOnlySpan<byte> message);

/// <summary>An OpenFlow 1.0 controller's end of a connection, for tools: one request at a time, or many changes and a barrier.</summary>
/// <remarks>
/// Threads: one at a time. Calls block until the answer is there or <see cref="Timeout"/> has passed. Echo requests are answered
/// whenever something is read; errors are collected in <see cref="Errors"/>. While it sends it also reads, so a switch that
/// answers a long batch with errors cannot bring both sides to a standstill.
/// Whatever the peer sends, only <see cref="OfClientException"/> is thrown. Handlers do not call back into the client.
/// </remarks>
internal sealed class OfClient : IDisposable
{
    /// <summary>Errors kept; the others are counted.</summary>
    public const int MaxErrors = 1000;

    private const int FlushSize = 1 << 16;
    private static readonly TimeSpan CancellationCheck = TimeSpan.FromMilliseconds(100);
    private readonly IChannel _channel;
    private readonly TimeoutStream _stream;
    private readonly List<OfReportedError> _errors = [];
    private OfBuffer _out = new();

    /// <summary>What is being written; nothing else may touch it until that ends.</summary>
    private OfBuffer _sending = new();
    private bool _hasHeard;
    private uint _lastXid;

    private OfClient(string target, IChannel channel, TimeSpan timeout)
    {
        Target = target;
        _channel = channel;
        _stream = new TimeoutStream(channel);
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

    /// <summary>Receives messages that answer no request: packet-ins, flow-removed, port-status, late replies.</summary>
    public MessageHandler? OnMessage { get; set; }

    /// <summary>Connects and shakes hands.</summary>
    /// <param name="target"><c>tcp:HOST[:PORT]</c>, <c>ssl:HOST[:PORT]</c> or <c>unix:PATH</c>.</param>
    /// <param name="tls">For <c>ssl:</c>; stays the caller's.</param>
    /// <exception cref="OfClientException">No such target, not reachable, not trusted, or no OpenFlow 1.0 switch.</exception>
    public static OfClient Connect(string target, TimeSpan timeout, TlsCredentials? tls = null)
    {
        if (!ConnectionTarget.TryParse(target, out ConnectionTarget? parsed, out string error))
        {
            throw new OfClientException(error);
        }
        if (parsed!.IsPassive)
        {
            throw new OfClientException($"{target}: a target to connect to is needed ({ConnectionTarget.ActiveForms})");
        }
        if (parsed.NeedsTls && tls is null)
        {
            throw new OfClientException($"{target}: needs --private-key, --certificate and --ca-cert");
        }
        OfClient client = new(target, OpenChannel(parsed, target, timeout, tls), timeout);
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
        FlushIfLong();
        return xid;
    }

    /// <summary>Queues a change of the flow table; <see cref="Barrier"/> tells when it is done.</summary>
    /// <returns>Its xid.</returns>
    public uint Send(in FlowMod mod)
    {
        uint xid = NextXid();
        FlowModMessage.Write(_out, xid, mod);
        FlushIfLong();
        return xid;
    }

    /// <summary>Queues a packet.</summary>
    /// <returns>Its xid.</returns>
    public uint Send(in PacketOut packetOut)
    {
        uint xid = NextXid();
        PacketOutMessage.Write(_out, xid, packetOut);
        FlushIfLong();
        return xid;
    }

    /// <summary>Sends what is queued.</summary>
    public void Flush()
    {
        // First what is framed already, so that there is room to receive into.
        DispatchAll();
        while (SendSome())
        {
            Wait(Deadline());
            DispatchAll();
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
            ReadOnlySpan<byte> message = Receive(deadline, out OfHeader header);
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
            while (TryTakeMessage(out ReadOnlySpan<byte> message, out OfHeader header))
            {
                int errors = ErrorCount;
                Dispatch(message, header);
                if (errors != ErrorCount)
                {
                    OnMessage?.Invoke(message);
                }
            }
            Flush();
            _stream.Wait(CancellationCheck);
            ReceiveSome();
        }
    }

    public void Dispose() => _channel.Dispose();

    private static SocketChannel OpenChannel(ConnectionTarget target, string text, TimeSpan timeout, TlsCredentials? tls)
    {
        using CancellationTokenSource limit = new(timeout);
        SocketChannel? channel = null;
        try
        {
            channel = SocketChannel.Connect(target, tls, limit.Token);
            channel.Open(limit.Token);
            return channel;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ArgumentException or TlsException)
        {
            channel?.Dispose();
            string reason = e switch
            {
                SocketException socket => Reason(socket.SocketErrorCode),
                OperationCanceledException => Reason(SocketError.TimedOut),
                _ => e.Message, // a Unix path longer than the kernel takes, a peer not trusted
            };
            throw new OfClientException($"{text}: {reason}", e);
        }
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
        ReadOnlySpan<byte> message = Receive(Deadline(), out OfHeader header);
        if (header.Type == OfType.Error && ErrorMessage.TryDecode(message, out OfError error, out ReadOnlySpan<byte> data, out _))
        {
            string text = PortText.Printable(Encoding.UTF8.GetString(data));
            throw new OfClientException($"{Target}: the switch refused OpenFlow 1.0: {error.Name} {text}".TrimEnd());
        }
        if (header.Type != OfType.Hello)
        {
            throw new OfClientException($"{Target}: this is no OpenFlow switch (its first message is no hello)");
        }
        if (OfVersions.SpokenIn(message, header) is { Include10: false } others)
        {
            throw new OfClientException($"{Target}: the switch speaks {others}; OpenFlow 1.0 is spoken here");
        }
    }

    /// <summary>Treats a message that is not the awaited answer.</summary>
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
    private ReadOnlySpan<byte> Receive(long deadline, out OfHeader header)
    {
        ReadOnlySpan<byte> message;
        while (!TryTakeMessage(out message, out header))
        {
            SendSome();
            Wait(deadline);
        }
        return message;
    }

    private bool TryTakeMessage(out ReadOnlySpan<byte> message, out OfHeader header)
    {
        bool isThere = _stream.TryTake(out message, out header, out string? failure);
        if (isThere && header.Type is not (OfType.Hello or OfType.Error) && header.Version != OfHeader.Version10)
        {
            failure = $"sent a message of {OfVersions.NameOf(header.Version)}; OpenFlow 1.0 is spoken here";
        }
        return failure is null ? isThere : throw new OfClientException($"{Target}: the switch {failure}");
    }

    private void FlushIfLong()
    {
        if (_out.Length >= FlushSize)
        {
            Flush();
        }
    }

    private void DispatchAll()
    {
        while (TryTakeMessage(out ReadOnlySpan<byte> message, out OfHeader header))
        {
            Dispatch(message, header);
        }
    }

    private void ReceiveSome()
    {
        try
        {
            if (!_stream.TryEndRead(out int count))
            {
                return;
            }
            if (count == 0)
            {
                throw new OfClientException($"{Target}: the switch closed the connection{(IsRefused ? TlsHandshake.Refusal : "")}");
            }
            _hasHeard = true;
        }
        catch (IOException e)
        {
            throw Lost(e);
        }
    }

    /// <summary>Hands what is queued to the system, as far as it takes it without waiting.</summary>
    /// <returns>Whether some is left.</returns>
    private bool SendSome()
    {
        try
        {
            if (_stream.TryEndWrite() && _out.Length > 0)
            {
                (_out, _sending) = (_sending, _out);
                _out.Reset();
                _stream.BeginWrite(_sending.WrittenMemory);
            }
            return !_stream.TryEndWrite();
        }
        catch (IOException e)
        {
            throw Lost(e);
        }
    }

    // Under TLS 1.3 our handshake ends before the switch has judged our certificate: a write may be the first call to find the connection closed.
    private bool IsRefused => _channel.Stream is SslStream && !_hasHeard;

    private OfClientException Lost(IOException e)
    {
        string reason = e.InnerException is not SocketException socket ? TlsHandshake.Describe(e)
            : IsRefused && socket.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown
                ? $"the switch closed the connection{TlsHandshake.Refusal}"
            : Reason(socket.SocketErrorCode);
        return new OfClientException($"{Target}: {reason}", e);
    }

    /// <summary>Waits until something was read, or what was being written is.</summary>
    private void Wait(long deadline)
    {
        if (!_stream.Wait(TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64))))
        {
            throw new OfClientException($"{Target}: the switch did not answer within {Timeout.TotalSeconds:0.#} s");
        }
        ReceiveSome();
    }

    private long Deadline() => Environment.TickCount64 + (long)Timeout.TotalMilliseconds;
}

/// <summary>An OFPT_ERROR the switch answered with.</summary>
/// <param name="Xid">Of the message the error is about.</param>
/// <param name="Message">The whole error message, for <see cref="Text.MessageText"/>.</param>
internal sealed record OfReportedError(uint Xid, OfError Error, byte[] Message);
