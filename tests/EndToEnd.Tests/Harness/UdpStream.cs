using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>UDP at a steady rate from one host to another, counted at both ends in bytes of Ethernet frames.</summary>
internal sealed class UdpStream : IDisposable
{
    private const int Payload = 1400;
    private const int Headers = 14 + 20 + 8;
    private const int BufferBytes = 4 << 20;
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(500);

    private readonly Socket _sender;
    private readonly Socket _receiver;
    private readonly long _bitsPerSecond;
    private readonly bool _isSmooth;

    /// <param name="to">The number of the receiving host.</param>
    /// <param name="isSmooth">Packet by packet, at the price of a busy thread; else in bursts of a millisecond, which leave gaps for others.</param>
    public UdpStream(CabledHosts lab, int from, int to, int port, long bitsPerSecond, bool isSmooth = false)
    {
        _isSmooth = isSmooth;
        _bitsPerSecond = bitsPerSecond;
        lab.Host(from).Execute("ip", "neigh", "replace", $"10.0.0.{to}", "lladdr", $"02:00:00:00:00:0{to}", "dev", "eth0").Checked();
        _receiver = lab.Host(to).Run(Open);
        _receiver.ReceiveBufferSize = BufferBytes;
        _receiver.ReceiveTimeout = (int)Silence.TotalMilliseconds;
        _receiver.Bind(new IPEndPoint(IPAddress.Any, port));
        _sender = lab.Host(from).Run(Open);
        _sender.Connect(IPAddress.Parse($"10.0.0.{to}"), port);
    }

    public long SentBytes { get; private set; }

    public long ReceivedBytes { get; private set; }

    /// <summary>How long it was sent.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>Lets streams run side by side, until all that was sent has arrived or was lost.</summary>
    public static void RunAll(TimeSpan duration, params UdpStream[] streams)
    {
        Thread[] receivers = [.. streams.Select(stream => new Thread(stream.Receive))];
        Thread[] senders = [.. streams.Select(stream => new Thread(() => stream.Send(duration)))];
        foreach (Thread thread in (Thread[])[.. receivers, .. senders])
        {
            thread.Start();
        }
        foreach (Thread thread in (Thread[])[.. senders, .. receivers])
        {
            thread.Join();
        }
    }

    public void Dispose()
    {
        _sender.Dispose();
        _receiver.Dispose();
    }

    private static Socket Open() => new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    private void Send(TimeSpan duration)
    {
        byte[] payload = new byte[Payload];
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) is var elapsed && elapsed < duration)
        {
            long due = (long)(elapsed.TotalSeconds * _bitsPerSecond / 8);
            while (SentBytes < due)
            {
                _sender.Send(payload);
                SentBytes += Payload + Headers;
            }
            if (_isSmooth)
            {
                Thread.Yield();
            }
            else
            {
                Thread.Sleep(1); // what it oversleeps is made up for
            }
        }
        Duration = Stopwatch.GetElapsedTime(start);
    }

    private void Receive()
    {
        byte[] buffer = new byte[Payload];
        try
        {
            while (true)
            {
                ReceivedBytes += _receiver.Receive(buffer) + Headers;
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            // Silence: the stream is over.
        }
    }
}
