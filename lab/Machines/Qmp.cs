using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Lab.Machines;

/// <summary>QEMU's control connection: JSON objects, a line each (docs/interop/qmp-spec.txt of QEMU).</summary>
/// <remarks>Threads: any; commands one at a time.</remarks>
internal sealed class Qmp : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<(string Name, long When)> _events = [];
    private readonly StreamReader _reader;
    private readonly NetworkStream _stream;
    private readonly int _patience;

    /// <param name="connection">Accepted from QEMU; closed at the end.</param>
    /// <exception cref="IOException">It is not QEMU's, or broke.</exception>
    public Qmp(Socket connection, TimeSpan patience)
    {
        _patience = (int)patience.TotalMilliseconds;
        _stream = new NetworkStream(connection, ownsSocket: true) { ReadTimeout = _patience };
        _reader = new StreamReader(_stream, Encoding.UTF8);
        ReadLine(); // the greeting
        Execute("qmp_capabilities");
    }

    /// <summary>Runs a command and gives what it returns.</summary>
    /// <param name="arguments">As in the reference of QMP; null for none.</param>
    /// <param name="attached">Whose descriptor goes with it; null for none.</param>
    /// <exception cref="TestbedException">QEMU refuses, and the message is QEMU's; or it has ended.</exception>
    public JsonElement Execute(string command, JsonObject? arguments = null, Socket? attached = null)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments != null)
        {
            request["arguments"] = arguments;
        }
        try
        {
            return Ask(command, request, attached);
        }
        catch (Exception e) when (e is IOException or SystemCallException)
        {
            throw new TestbedException($"QEMU: {command}: {e.Message}", e);
        }
    }

    /// <summary>When QEMU last reported an event, such as RESUME, in Stopwatch.GetTimestamp; null if it never has.</summary>
    public long? Find(string name)
    {
        Execute("query-status"); // what it said before the answer is read with it
        lock (_lock)
        {
            return _events.FindLast(one => one.Name == name) is { Name: not null, When: var when } ? when : null;
        }
    }

    /// <summary>Has QEMU end. Whether it does so is seen by its process.</summary>
    /// <exception cref="IOException">It has ended.</exception>
    public void Quit()
    {
        lock (_lock)
        {
            Send(Encoding.UTF8.GetBytes("{\"execute\":\"quit\"}\n"), attached: null);
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
    }

    private JsonElement Ask(string command, JsonObject request, Socket? attached)
    {
        lock (_lock)
        {
            Send(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"), attached);
            while (true)
            {
                JsonElement answer = ReadLine();
                if (answer.TryGetProperty("return", out JsonElement result))
                {
                    return result;
                }
                if (answer.TryGetProperty("error", out JsonElement error))
                {
                    throw new TestbedException($"QEMU: {command}: {error.GetProperty("desc").GetString()}");
                }
                Note(answer);
            }
        }
    }

    private void Send(byte[] line, Socket? attached)
    {
        if (attached == null)
        {
            _stream.Write(line);
            return;
        }
        using var connection = DescriptorSocket.Of((int)_stream.Socket.Handle);
        connection.Send(line, [(int)attached.Handle], _patience);
    }

    private void Note(JsonElement message)
    {
        if (message.TryGetProperty("event", out JsonElement name))
        {
            JsonElement when = message.GetProperty("timestamp");
            long microseconds = (when.GetProperty("seconds").GetInt64() * 1_000_000) + when.GetProperty("microseconds").GetInt64();
            TimeSpan ago = DateTime.UtcNow - DateTime.UnixEpoch.AddMicroseconds(microseconds);
            _events.Add((name.GetString()!, Stopwatch.GetTimestamp() - (long)(ago.TotalSeconds * Stopwatch.Frequency)));
        }
    }

    private JsonElement ReadLine()
    {
        string line = _reader.ReadLine() ?? throw new IOException("QEMU has closed its control connection");
        using JsonDocument document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }
}
