using System.Diagnostics;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Client;

/// <summary>A real Open vSwitch of our own: two dummy ports, database and sockets in a folder of its own, nothing of the system touched.</summary>
internal sealed class OvsSwitch : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-ovs-").FullName;
    private readonly List<Process> _daemons = [];

    private OvsSwitch()
    {
    }

    /// <summary>Where its OpenFlow 1.0 is spoken.</summary>
    public string Target => $"unix:{_folder}/br0.mgmt";

    /// <summary>A free socket path in its folder.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>Starts one; skips the running test, with the reason, where Open vSwitch is missing.</summary>
    public static OvsSwitch Start()
    {
        Assert.SkipUnless(File.Exists("/usr/sbin/ovs-vswitchd") && File.Exists("/usr/sbin/ovsdb-server"),
            "ovs-vswitchd is not installed (apt-get install openvswitch-switch)");
        const string schema = "/usr/share/openvswitch/vswitch.ovsschema";
        Assert.SkipUnless(File.Exists(schema), $"{schema} is missing (apt-get install openvswitch-switch)");
        OvsSwitch result = new();
        try
        {
            result.Boot(schema);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Runs one of Open vSwitch's tools against this switch.</summary>
    public string Run(string tool, params string[] arguments)
    {
        using Process process = Launch(tool, arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{tool} {string.Join(' ', arguments)}: {error.GetAwaiter().GetResult()}");
        return output;
    }

    public string Ofctl(params string[] arguments) => Run("ovs-ofctl", ["-F", "OpenFlow10-table_id", "-O", "OpenFlow10", .. arguments]);

    public void Vsctl(params string[] arguments) => Run("ovs-vsctl", [$"--db=unix:{_folder}/db.sock", "--timeout=50", "--retry", .. arguments]);

    /// <summary>Has a frame arrive at a port.</summary>
    public void Receive(string port, string hexadecimal) => Run("ovs-appctl", "-t", $"{_folder}/vs.ctl", "netdev-dummy/receive", port, hexadecimal);

    /// <summary>What it would do with a packet.</summary>
    public string Trace(ushort inPort, byte[] packet) =>
        Run("ovs-appctl", "-t", $"{_folder}/vs.ctl", "ofproto/trace", "br0", $"in_port={inPort}", Convert.ToHexString(packet));

    public void Dispose()
    {
        // Last started, first ended.
        for (int i = _daemons.Count - 1; i >= 0; i--)
        {
            _daemons[i].Kill();
            _daemons[i].WaitForExit();
            _daemons[i].Dispose();
        }
        Directory.Delete(_folder, recursive: true);
    }

    private void Boot(string schema)
    {
        Run("ovsdb-tool", "create", $"{_folder}/conf.db", schema);
        StartDaemon("/usr/sbin/ovsdb-server", "db.sock", $"{_folder}/conf.db", $"--remote=punix:{_folder}/db.sock", $"--unixctl={_folder}/db.ctl");
        Vsctl("--no-wait", "init");
        StartDaemon("/usr/sbin/ovs-vswitchd", "vs.ctl", $"unix:{_folder}/db.sock", $"--unixctl={_folder}/vs.ctl", "--enable-dummy");
        Vsctl(
            "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "protocols=OpenFlow10", "fail_mode=secure",
            "other-config:datapath-id=0000000000000042",
            "--", "add-port", "br0", "p1", "--", "set", "interface", "p1", "type=dummy", "ofport_request=1",
            "--", "add-port", "br0", "p2", "--", "set", "interface", "p2", "type=dummy", "ofport_request=2");
    }

    private void StartDaemon(string program, string socket, params string[] arguments)
    {
        Process daemon = Launch(program, [.. arguments, "--no-chdir", "-vconsole:off", "-vsyslog:off", $"--log-file={_folder}/{socket}.log"]);
        _daemons.Add(daemon);
        Eventually.True(() => File.Exists(PathOf(socket)) || daemon.HasExited, $"{program} did not start");
        Assert.False(daemon.HasExited, $"{program} ended at once");
    }

    private Process Launch(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string variable in (ReadOnlySpan<string>)["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"])
        {
            start.Environment[variable] = _folder;
        }
        return Process.Start(start)!;
    }
}
