using System.Text;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Failures;

/// <summary>A control group that leaves the switch little memory.</summary>
public sealed class MemoryLimitTests : WithControlSocket
{
    private const string FirstVersion = "/sys/fs/cgroup/memory";
    private const string SecondVersion = "/sys/fs/cgroup";
    // Of some 225 bytes each: more than the limit, even where the kernel counts neither the program's files nor all of the frames.
    private const int Flows = 600_000;

    private string? _group;

    public override void Dispose()
    {
        if (_group != null)
        {
            Eventually.True(TryRemoveGroup, $"{_group} is empty");
        }
        base.Dispose();
    }

    [Fact, Trait("Ring", "all")]
    public void Flow_mods_are_refused_before_the_kernel_kills_the_switch_and_what_it_has_forwards_on()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        string processes = MakeGroup("120M");
        using var lab = new CabledHosts();
        using RunningCommand running = lab.Inside.Start(
            "sh", "-c", $"echo $$ > {processes} && exec \"$@\"", "sh", SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "1=s1", "--port", "2=s2",
            "--listen", CabledHosts.Listen, "--control", Control);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        lab.ConnectHosts1And2();
        string file = WriteFlows();

        // It fails, by what it is answered or because it is too slow to read all that.
        using RunningCommand adding = lab.Start("ofctl", "add-flows", CabledHosts.Target, file);
        running.WaitForText("memory: the control group's limit of 120 MiB is near", 2 * SwitchProgram.Patience);
        Assert.NotEqual(0, adding.WaitForEnd(2 * SwitchProgram.Patience).ExitCode);
        string status = SwitchProgram.Execute("status", Target).Checked().Output;
        Assert.Contains("refused: OFPFMFC_ALL_TABLES_FULL", status, StringComparison.Ordinal);
        long installed = CabledHosts.Number(lab.Ofctl("dump-aggregate"), "flow_count");
        Assert.InRange(installed, 1000, Flows);
        Assert.Equal(3, lab.Ping(1, 2));

        // Entries that go make room for others, which take no new memory.
        lab.Ofctl("del-flows", "in_port=5,dl_src=02:00:00:00:00:07");
        lab.Ofctl("add-flow", "in_port=5,dl_src=02:00:00:00:00:07,priority=77,actions=output:2");
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    private string WriteFlows()
    {
        StringBuilder text = new();
        for (int i = 0; i < Flows; i++)
        {
            text.Append($"in_port=5,dl_src=02:00:00:{i >> 16:x2}:{(i >> 8) & 255:x2}:{i & 255:x2},dl_dst=02:00:00:00:00:01,dl_vlan=0xffff,dl_type=0x0800,")
                .Append($"nw_tos=0,nw_proto=6,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1,tp_dst=2,actions=output:1\n");
        }
        string file = PathOf("flows");
        File.WriteAllText(file, text.ToString());
        return file;
    }

    /// <returns>The file that takes processes.</returns>
    private string MakeGroup(string limit)
    {
        bool isFirst = Directory.Exists(FirstVersion);
        _group = $"{(isFirst ? FirstVersion : SecondVersion)}/softswitch-test-{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(_group);
            File.WriteAllText($"{_group}/{(isFirst ? "memory.limit_in_bytes" : "memory.max")}", limit);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Assert.Skip($"no control group with a limit of memory can be made here: {e.Message}");
        }
        return $"{_group}/cgroup.procs";
    }

    private bool TryRemoveGroup()
    {
        try
        {
            if (Directory.Exists(_group))
            {
                Directory.Delete(_group); // rmdir(2), the only way; it has files that cannot be removed one by one
            }
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
