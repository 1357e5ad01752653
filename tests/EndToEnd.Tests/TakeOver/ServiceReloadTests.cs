using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>What <c>systemctl reload</c> runs, with a socket in the service manager's place: before and after an upgrade.</summary>
public sealed class ServiceReloadTests : IDisposable
{
    private const string Name = "edge";

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-service-").FullName;
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly Dictionary<string, string> _environment;
    private readonly HashSet<int> _processes = [];

    public ServiceReloadTests()
    {
        Needs.Program("systemctl"); // who has none has no use for it
        string[] others = [Path.ChangeExtension(SwitchProgram.Library, "runtimeconfig.json"), Program];
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory, "*.dll").Concat(others))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        }
        string dotnet = new FileInfo(SwitchProgram.Dotnet).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? SwitchProgram.Dotnet;
        _manager.Bind(new UnixDomainSocketEndPoint($"{_folder}/notify"));
        _environment = new()
        {
            ["NOTIFY_SOCKET"] = $"{_folder}/notify",
            ["WATCHDOG_USEC"] = "60000000",
            ["SOFTSWITCH_RUNDIR"] = _folder,
            ["DOTNET_ROOT"] = Path.GetDirectoryName(dotnet)!,
            ["PATH"] = $"{_folder}:{Environment.GetEnvironmentVariable("PATH")}",
        };
    }

    private static string Program => Path.ChangeExtension(SwitchProgram.Library, null);

    public void Dispose()
    {
        foreach (int process in _processes)
        {
            RunningCommand.Execute("kill", "-KILL", $"{process}"); // the one that took over is nobody's child
        }
        _manager.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_switch_whose_program_was_replaced_is_taken_over_and_goes_on_as_the_services_main_process()
    {
        using RunningCommand first = Start("--flows", "priority=7,actions=");
        (int reloaded, string said) = Reload(first.ProcessId);
        Assert.True(reloaded == 0, said);
        Assert.False(first.HasExited, "a reload of the same program is no take-over");
        ReplaceProgram();
        int next = 0;
        foreach (int upgrade in (int[])[1, 2])
        {
            int before = upgrade == 1 ? first.ProcessId : next;
            (int exitCode, said) = Reload(before);
            Assert.True(exitCode == 0, said);
            next = Status().GetProperty("process").GetProperty("id").GetInt32();
            _processes.Add(next);
            Assert.NotEqual(before, next);
            Assert.Equal($"MAINPID={next}", NextMessage("MAINPID"));
            Assert.Equal($"MAINPID={next}\nREADY=1", NextMessage("MAINPID"));
            Assert.Equal("WATCHDOG=1", NextMessage("WATCHDOG")); // it knows for how long it is waited for
            Assert.Equal(1, Status().GetProperty("tables").EnumerateArray().Sum(table => table.GetProperty("entries").GetInt32()));
            ReplaceProgram();
        }
        Assert.Equal(0, first.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Equal(1, File.ReadAllText($"/proc/{next}/cmdline").Split('\0').Count(word => word == "--take-over"));
    }

    [Fact]
    public void Where_the_take_over_is_refused_the_reload_fails_and_the_switch_goes_on()
    {
        using RunningCommand running = Start("--stp");
        ReplaceProgram();
        (int exitCode, string said) = Reload(running.ProcessId);
        Assert.Equal(1, exitCode);
        Assert.Contains($"--take-over: '{Name}': it cannot be taken over: ", said, StringComparison.Ordinal);
        Assert.Equal(running.ProcessId, Status().GetProperty("process").GetProperty("id").GetInt32());
    }

    private RunningCommand Start(params string[] more)
    {
        string configuration = $"{_folder}/{Name}.yaml";
        File.WriteAllText(configuration, "port: [\"1=null:\"]\n");
        string[] arguments = ["run", "--config", configuration, "--name", Name, .. more];
        RunningCommand command = RunningCommand.Start($"{_folder}/softswitch", arguments, _environment);
        command.WaitForText("\nready\n", SwitchProgram.Patience);
        return command;
    }

    /// <summary>As dpkg does: the new file is renamed over the old one.</summary>
    private void ReplaceProgram()
    {
        File.Copy(Program, $"{_folder}/softswitch.new");
        File.Move($"{_folder}/softswitch.new", $"{_folder}/softswitch", overwrite: true);
    }

    /// <summary>The next process keeps its streams: they are a file.</summary>
    private (int ExitCode, string Said) Reload(int mainProcess)
    {
        string script = Path.Combine(Repository.Root, "eng", "systemd", "reload");
        // WATCHDOG_USEC is not among what systemd tells here.
        using RunningCommand command = RunningCommand.Start(
            "env", ["-u", "WATCHDOG_USEC", "sh", "-c", "exec \"$0\" \"$@\" >>\"$SOFTSWITCH_RUNDIR/said\" 2>&1", script, Name],
            new Dictionary<string, string>(_environment) { ["MAINPID"] = $"{mainProcess}" });
        int exitCode = command.WaitForEnd(SwitchProgram.Patience).ExitCode;
        return (exitCode, File.ReadAllText($"{_folder}/said"));
    }

    /// <summary>The next that begins so; others pass by.</summary>
    private string NextMessage(string start)
    {
        byte[] buffer = new byte[4096];
        string message = string.Empty;
        Eventually.True(
            () => _manager.Poll(0, SelectMode.SelectRead)
                && (message = Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer))).StartsWith(start, StringComparison.Ordinal),
            () => $"no {start}; the last message is {message}");
        return message;
    }

    private JsonElement Status()
    {
        using RunningCommand status = RunningCommand.Start($"{_folder}/softswitch", ["status", Name, "--json"], _environment);
        return JsonDocument.Parse(status.WaitForEnd(SwitchProgram.Patience).Checked().Output).RootElement;
    }
}
