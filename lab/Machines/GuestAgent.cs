using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Softswitch.Lab.Machines;

/// <summary>Runs commands inside a guest, over its second serial line: see Guest/agent for what goes over it.</summary>
/// <remarks>Threads: any; commands one at a time.</remarks>
internal sealed class GuestAgent : IDisposable
{
    private const string Ready = "ready";
    private const string End = "end ";

    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly byte[] _received = new byte[4096];
    private readonly Socket _connection;
    private string _unread = string.Empty;

    private readonly Func<string> _lastWords;

    /// <param name="connection">The serial line's; closed at the end.</param>
    /// <param name="lastWords">What QEMU and the guest have printed, for messages.</param>
    public GuestAgent(Socket connection, Func<string> lastWords) => (_connection, _lastWords) = (connection, lastWords);

    /// <summary>Waits until the guest has booted, for the first time or again.</summary>
    /// <param name="giveUp">Looked at ten times a second: says why it will not happen; null while it may.</param>
    /// <exception cref="TestbedException">It has not within <paramref name="limit"/>, or <paramref name="giveUp"/> says why it never will.</exception>
    public void AwaitReady(TimeSpan limit, Func<string?> giveUp)
    {
        lock (_lock)
        {
            while (ReadLine(limit, giveUp) != Ready)
            {
            }
        }
    }

    /// <summary>Runs a command of the guest's shell to its end.</summary>
    /// <param name="giveUp">As of <see cref="AwaitReady"/>.</param>
    /// <exception cref="TestbedException">As of <see cref="AwaitReady"/>.</exception>
    public CommandResult Execute(string command, TimeSpan limit, Func<string?> giveUp)
    {
        lock (_lock)
        {
            var said = new StringBuilder();
            Send(Convert.ToBase64String(Encoding.UTF8.GetBytes(command)) + "\n");
            string line;
            while (!(line = ReadLine(limit, giveUp)).StartsWith(End, StringComparison.Ordinal))
            {
                said.Append(line);
            }
            string output = Encoding.UTF8.GetString(Convert.FromBase64String(said.ToString()));
            return new CommandResult(command, int.Parse(line.AsSpan(End.Length), CultureInfo.InvariantCulture), output, string.Empty);
        }
    }

    public void Dispose() => _connection.Dispose();

    private void Send(string line)
    {
        try
        {
            _connection.Send(Encoding.ASCII.GetBytes(line));
        }
        catch (SocketException)
        {
            // The next read sees the end of the stream and reports it.
        }
    }

    private int Receive()
    {
        try
        {
            return _connection.Receive(_received);
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    private string ReadLine(TimeSpan limit, Func<string?> giveUp)
    {
        long deadline = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        int end;
        while ((end = _unread.IndexOf('\n', StringComparison.Ordinal)) < 0)
        {
            if (_connection.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead))
            {
                int length = Receive();
                if (length == 0)
                {
                    SpinWait.SpinUntil(() => giveUp() != null, EndPatience); // the line is the first to go
                    throw new TestbedException(giveUp() ?? $"the guest's serial line was closed: {_lastWords()}");
                }
                _unread += Encoding.ASCII.GetString(_received, 0, length);
            }
            else if (giveUp() is { } reason)
            {
                throw new TestbedException(reason);
            }
            else if (Environment.TickCount64 > deadline)
            {
                throw new TestbedException($"the guest does not answer within {limit.TotalSeconds:0} s: {_lastWords()}");
            }
        }
        string line = _unread[..end].TrimEnd('\r');
        _unread = _unread[(end + 1)..];
        return line;
    }
}
