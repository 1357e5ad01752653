using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Softswitch.Lab.Machines;

/// <summary>A QEMU that runs, with the connections to it. It ends with this process, however that ends.</summary>
/// <remarks>Threads: any; disposed of by one thread, when no other uses it.</remarks>
internal sealed class Qemu : IDisposable
{
    // The shell waits for QEMU, so that QEMU's number cannot become another process's before it is killed. Standard input ends when this program does.
    private const string Watched = """
        folder=$1; shift
        exec 3<&0
        "$@" 3<&- </dev/null &
        child=$!
        { read -r _ <&3; kill -KILL $child; rm -rf "$folder"; } >/dev/null 2>&1 &
        watch=$!
        wait $child; code=$?
        kill $watch
        exit $code
        """;

    private const string Handed = "migration";
    private const long FullSpeed = 10_000_000_000; // bytes a second: no limit

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private readonly RunningCommand _command;
    private readonly string _name;

    private Qemu(string name, RunningCommand command) => (_name, _command) = (name, command);

    public required Qmp Control { get; init; }

    public required GuestAgent Agent { get; init; }

    /// <summary>A socket with the guest's shell behind it, for people.</summary>
    public required string Shell { get; init; }

    /// <summary>What QEMU and the guest's kernel have printed.</summary>
    public string Console => _command.Error + _command.Output;

    /// <summary>Starts it and waits until it takes orders.</summary>
    /// <param name="node">In whose network.</param>
    /// <param name="folder">For its sockets; deleted if this process is killed.</param>
    /// <param name="label">Tells it from others with sockets there.</param>
    /// <param name="cancellation">Kills it.</param>
    /// <exception cref="TestbedException">It ended; the message has its last words.</exception>
    public static Qemu Start(LabNode node, string name, string folder, string label, IEnumerable<string> arguments, CancellationToken cancellation)
    {
        string controlPath = Path.Combine(folder, $"{label}.qmp");
        string agentPath = Path.Combine(folder, $"{label}.agent");
        string shellPath = Path.Combine(folder, $"{label}.shell");
        using Socket control = Listen(controlPath);
        using Socket agent = Listen(agentPath);
        string[] connections =
        [
            "-chardev", $"socket,id=qmp,path={controlPath}", "-mon", "chardev=qmp,mode=control",
            "-chardev", "stdio,id=console", "-serial", "chardev:console", // ttyS0
            "-chardev", $"socket,id=agent,path={agentPath}", "-serial", "chardev:agent", // ttyS1
            "-chardev", $"socket,id=shell,path={shellPath},server=on,wait=off", "-serial", "chardev:shell", // ttyS2
        ];
        RunningCommand command = RunningCommand.Start(
            "sh", ["-c", Watched, "sh", folder, GuestImage.Emulator, .. connections, .. arguments], network: node.Network, listens: true).KilledBy(cancellation);
        try
        {
            Socket controlConnection = Accept(control, name, command);
            return new Qemu(name, command)
            {
                Agent = new GuestAgent(Accept(agent, name, command), () => command.LastLines),
                Control = new Qmp(controlConnection, Patience),
                Shell = shellPath,
            };
        }
        catch (Exception e) when (e is TestbedException or IOException)
        {
            string last = LastWords(command);
            command.Dispose();
            throw new TestbedException($"{name}: QEMU does not start: {last}", e);
        }
    }

    /// <summary>Why nothing more is to be expected of it: its last words; null while it runs.</summary>
    public string? FindFailure() => _command.HasExited ? $"{_name}: QEMU has ended: {LastWords(_command)}"
        : _command.Output.Contains("Kernel panic", StringComparison.Ordinal) ? $"{_name}: the guest's kernel has stopped: {_command.LastLines}"
        : null;

    /// <summary>Hands it a connection to send a guest by, or to receive one by.</summary>
    /// <param name="connection">Stays the caller's.</param>
    /// <returns>What stands for it where an address is asked for.</returns>
    public string Take(Socket connection)
    {
        Control.Execute("getfd", new JsonObject { ["fdname"] = Handed }, connection);
        return $"fd:{Handed}";
    }

    /// <summary>Makes it ready to receive a guest, for which it was started with <c>-incoming defer</c>.</summary>
    /// <param name="address">As QEMU writes them: <c>unix:PATH</c>, or as of <see cref="Take"/>.</param>
    public void Expect(string address) => Control.Execute("migrate-incoming", new JsonObject { ["uri"] = address });

    /// <summary>Begins to send its guest to another QEMU, which expects it.</summary>
    /// <param name="address">As of <see cref="Expect"/>.</param>
    /// <param name="downtime">QEMU stops the guest when the rest will take no longer.</param>
    public void BeginSending(string address, TimeSpan downtime, long bytesPerSecond = FullSpeed)
    {
        Control.Execute(
            "migrate-set-parameters", new JsonObject { ["downtime-limit"] = (long)downtime.TotalMilliseconds, ["max-bandwidth"] = bytesPerSecond });
        Control.Execute("migrate", new JsonObject { ["uri"] = address });
    }

    /// <summary>Sends the rest as fast as it can; returns when the guest runs there.</summary>
    /// <exception cref="TestbedException">It failed; the guest runs on where it was.</exception>
    public MigrationFigures EndSending(Qemu target, TimeSpan limit)
    {
        Control.Execute("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = FullSpeed });
        long deadline = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        while (true)
        {
            JsonElement state = Control.Execute("query-migrate");
            string status = state.GetProperty("status").GetString()!;
            // QEMU says so a moment before it has added up its times.
            if (status == "completed" && Read(state, "total-time") > TimeSpan.Zero)
            {
                return Complete(state, target, deadline);
            }
            if (status is "failed" or "cancelled" || target.FindFailure() != null)
            {
                GoOn();
                string reason = state.TryGetProperty("error-desc", out JsonElement error) ? error.GetString()! : target.FindFailure() ?? status;
                throw new TestbedException($"{_name}: migration failed: {reason}");
            }
            if (Environment.TickCount64 > deadline)
            {
                Control.Execute("migrate_cancel");
                GoOn();
                throw new TestbedException($"{_name}: migration was not complete within {limit.TotalSeconds:0} s, and was cancelled: {state}");
            }
            Thread.Sleep(1);
        }
    }

    public void Dispose()
    {
        try
        {
            // Killed with the shell, QEMU would become init's child, and its processor time would not count as that of this program's children (getrusage(2)).
            Control.Quit();
            // The shell is not told to end: its watcher would then delete the folder, which a QEMU at another place uses.
            SpinWait.SpinUntil(() => _command.HasExited, EndPatience);
        }
        catch (IOException)
        {
            // It has ended already, or is killed now.
        }
        Control.Dispose();
        Agent.Dispose();
        _command.Dispose();
    }

    private MigrationFigures Complete(JsonElement state, Qemu target, long deadline)
    {
        long? resumed;
        while ((resumed = target.Control.Find("RESUME")) == null)
        {
            if (target.FindFailure() is { } failure || Environment.TickCount64 > deadline)
            {
                GoOn();
                throw new TestbedException($"{_name}: migration is complete, but the guest does not run: {target.FindFailure() ?? "no RESUME"}");
            }
            Thread.Sleep(1);
        }
        long stopped = Control.Find("STOP") ?? throw new TestbedException($"{_name}: QEMU did not say when the guest stopped");
        return new MigrationFigures
        {
            Total = Read(state, "total-time"),
            Downtime = Read(state, "downtime"),
            Setup = Read(state, "setup-time"),
            Bytes = state.GetProperty("ram").GetProperty("transferred").GetInt64(),
            Stopped = stopped,
            Resumed = resumed.Value,
        };
    }

    private static TimeSpan Read(JsonElement state, string name) => TimeSpan.FromMilliseconds(state.GetProperty(name).GetInt64());

    // QEMU lets the guest go on by itself unless it had handed it over already.
    private void GoOn()
    {
        if (!Control.Execute("query-status").GetProperty("running").GetBoolean())
        {
            Control.Execute("cont");
        }
    }

    // A connection that breaks is the first to be seen of its end.
    private static string LastWords(RunningCommand command)
    {
        try
        {
            command.WaitForEnd(EndPatience);
        }
        catch (TimeoutException)
        {
            // It runs, and had better not.
        }
        return command.LastLines;
    }

    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen();
        return socket;
    }

    private static Socket Accept(Socket listener, string name, RunningCommand command)
    {
        long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!listener.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead))
        {
            if (command.HasExited || Environment.TickCount64 > deadline)
            {
                throw new TestbedException($"{name}: nothing connects");
            }
        }
        return listener.Accept();
    }
}
