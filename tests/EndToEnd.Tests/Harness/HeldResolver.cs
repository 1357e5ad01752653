using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>A name server that answers when the test says so.</summary>
/// <remarks>Threads: one of its own; every member may be used by any.</remarks>
internal sealed class HeldResolver : IDisposable
{
    private const string Address = "127.0.0.53";
    private const int HeaderSize = 12;
    private const int QuestionTail = 4; // type and class
    private const byte TypeA = 1;
    private const byte NoSuchName = 3;

    private readonly Socket _socket;
    private readonly string _settings = Path.GetTempFileName();
    private readonly Dictionary<string, IPAddress?> _known = [];
    private readonly List<(byte[] Query, EndPoint From)> _held = [];
    private readonly Lock _lock = new();

    public HeldResolver(LabNode inside)
    {
        // Far longer than any test waits for anything.
        File.WriteAllText(_settings, $"nameserver {Address}\noptions timeout:30 attempts:5\n");
        _socket = inside.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        _socket.Bind(new IPEndPoint(IPAddress.Parse(Address), 53));
        new Thread(Serve) { IsBackground = true, Name = "name server" }.Start();
    }

    /// <summary>Names that were asked for and not answered.</summary>
    public IReadOnlyCollection<string> Held
    {
        get
        {
            lock (_lock)
            {
                return [.. _held.Select(held => NameOf(held.Query)).Distinct()];
            }
        }
    }

    /// <summary>From now on, and to those who wait.</summary>
    /// <param name="address">Null: there is no such name.</param>
    public void Answer(string name, IPAddress? address)
    {
        lock (_lock)
        {
            _known[name] = address;
            _held.RemoveAll(held => TryAnswer(held.Query, held.From));
        }
    }

    /// <summary>To those who wait; who asks later waits in vain.</summary>
    public void AnswerOnce(string name, IPAddress address)
    {
        lock (_lock)
        {
            Answer(name, address);
            _known.Remove(name);
        }
    }

    /// <summary>Starts the switch inside, with this server for its resolver.</summary>
    public RunningCommand Start(LabNode inside, params string[] arguments) => inside.Start(
        "unshare", ["--mount", "sh", "-c", $"mount --bind {_settings} /etc/resolv.conf && exec \"$@\"", "sh", SwitchProgram.Dotnet, SwitchProgram.Library, .. arguments]);

    public void Dispose()
    {
        _socket.Dispose();
        File.Delete(_settings);
    }

    private void Serve()
    {
        byte[] buffer = new byte[512];
        try
        {
            while (true)
            {
                EndPoint from = new IPEndPoint(IPAddress.Any, 0);
                byte[] query = buffer[.._socket.ReceiveFrom(buffer, ref from)];
                lock (_lock)
                {
                    if (!TryAnswer(query, from))
                    {
                        _held.Add((query, from));
                    }
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // the test has ended
        }
    }

    /// <summary>RFC 1035 §4.1: the question again, and an A record if that was asked for.</summary>
    private bool TryAnswer(byte[] query, EndPoint from)
    {
        if (!_known.TryGetValue(NameOf(query), out IPAddress? address))
        {
            return false;
        }
        int end = QuestionEnd(query);
        bool isForA = address != null && query[end - 3] == TypeA;
        byte[] answer =
        [
            query[0], query[1], 0x84, address == null ? NoSuchName : (byte)0, 0, 1, 0, (byte)(isForA ? 1 : 0), 0, 0, 0, 0,
            .. query[HeaderSize..end],
            .. isForA ? (byte[])[0xc0, HeaderSize, 0, TypeA, 0, 1, 0, 0, 0, 1, 0, 4, .. address!.GetAddressBytes()] : [],
        ];
        _socket.SendTo(answer, from);
        return true;
    }

    private static string NameOf(byte[] query)
    {
        StringBuilder name = new();
        for (int at = HeaderSize; query[at] != 0; at += query[at] + 1)
        {
            name.Append(name.Length == 0 ? "" : ".").Append(Encoding.ASCII.GetString(query, at + 1, query[at]));
        }
        return name.ToString();
    }

    private static int QuestionEnd(byte[] query) => Array.IndexOf(query, (byte)0, HeaderSize) + 1 + QuestionTail;
}
