using System.Net.Sockets;
using System.Text;
using Softswitch.Hosting.Captures;

namespace Softswitch.Hosting.Management;

/// <summary>One client of the control socket: reads its lines and answers them, in order, until it leaves, is silent for long, or does not listen.</summary>
/// <remarks>Threads: one of its own; the members are for any.</remarks>
internal sealed class ControlSession
{
    private const int PatienceMilliseconds = 30_000;
    private const int FirstBuffer = 4096; // grown where a request is longer

    private readonly Socket _socket;
    private readonly Func<string, ControlAnswer> _execute;
    private readonly Action<ControlSession> _ended;
    private readonly Thread _thread;
    private byte[] _buffer = new byte[FirstBuffer];
    private long _waitsSince = Environment.TickCount64;
    private int _count;
    private bool _isOver;

    /// <param name="socket">Connected; the session's from now on.</param>
    /// <param name="execute">Called with each request.</param>
    /// <param name="ended">Called at the end, on the session's thread.</param>
    public ControlSession(Socket socket, Func<string, ControlAnswer> execute, Action<ControlSession> ended)
    {
        _socket = socket;
        _execute = execute;
        _ended = ended;
        _thread = new Thread(Run) { Name = "control client", IsBackground = true };
    }

    /// <summary>Since when it waits for its client, in milliseconds of the system's clock; null while a request is being answered.</summary>
    public long? WaitsSince => Volatile.Read(ref _waitsSince) is var since and not 0 ? since : null;

    public void Start() => _thread.Start();

    /// <summary>Hangs up.</summary>
    public void Abort()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // gone already
        }
    }

    public void Join(TimeSpan patience) => _thread.Join(patience);

    private void Run()
    {
        try
        {
            _socket.ReceiveTimeout = PatienceMilliseconds;
            _socket.SendTimeout = PatienceMilliseconds;
            while (!_isOver && _socket.Receive(_buffer, _count, _buffer.Length - _count, SocketFlags.None) is > 0 and int received)
            {
                _count += received;
                AnswerAll();
                if (_count == _buffer.Length && _count < ControlProtocol.LongestRequest)
                {
                    Array.Resize(ref _buffer, Math.Min(2 * _count, ControlProtocol.LongestRequest));
                }
                else if (_count == _buffer.Length)
                {
                    Send(new ControlAnswer(false, [$"a request has at most {ControlProtocol.LongestRequest} bytes"]));
                    break;
                }
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            // It left, was silent for too long, did not read, or was hung up on.
        }
        finally
        {
            _socket.Dispose();
            _ended(this);
        }
    }

    /// <summary>Answers the whole lines there are; what follows them stays.</summary>
    private void AnswerAll()
    {
        int start = 0;
        while (!_isOver && _buffer.AsSpan(start, _count - start).IndexOf((byte)'\n') is >= 0 and int length)
        {
            // Undecodable bytes become replacement characters, which no command has.
            string request = Encoding.UTF8.GetString(_buffer, start, length).TrimEnd('\r');
            start += length + 1;
            Volatile.Write(ref _waitsSince, 0);
            ControlAnswer answer = _execute(request);
            using (answer.Capture)
            {
                Send(answer);
                Follow(answer.Capture);
                if (answer.Follow != null)
                {
                    _isOver = true;
                    answer.Follow(_socket);
                }
            }
            Volatile.Write(ref _waitsSince, Environment.TickCount64);
        }
        _buffer.AsSpan(start, _count - start).CopyTo(_buffer);
        _count -= start;
    }

    /// <summary>The rest of the connection is the capture's. A reader that pauses loses packets, not the connection.</summary>
    private void Follow(CaptureStream? capture)
    {
        if (capture == null)
        {
            return;
        }
        _isOver = true;
        _socket.SendTimeout = 0;
        using CancellationTokenRegistration ending = capture.Ending.Register(Abort);
        using NetworkStream stream = new(_socket);
        capture.Run(stream, () => _socket.Poll(0, SelectMode.SelectRead)); // it has nothing more to say but that it ends
    }

    private void Send(ControlAnswer answer)
    {
        StringBuilder text = new();
        foreach (string line in answer.Lines)
        {
            text.Append(ControlProtocol.TextMark).Append(line.ReplaceLineEndings(" ")).Append('\n');
        }
        text.Append(answer.Done ? ControlProtocol.Ok : ControlProtocol.Error).Append('\n');
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text.ToString());
        while (!rest.IsEmpty)
        {
            rest = rest[_socket.Send(rest)..];
        }
    }
}
