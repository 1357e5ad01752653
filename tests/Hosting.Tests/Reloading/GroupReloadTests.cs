using System.Collections.Concurrent;
using Softswitch.Commands;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;

namespace Softswitch.Hosting.Tests.Reloading;

/// <summary>A file with several switches that is read again.</summary>
public sealed class GroupReloadTests : IDisposable
{
    private const string First = """
        name: reloaded
        frames: 4096
        switches:
          - name: r1
            port: ["1=null:"]
          - name: r2
            port: ["1=null:", "2=null:"]
        """;

    private readonly ConcurrentQueue<string> _log = new();
    private readonly string _file = Path.GetTempFileName();
    private readonly SwitchGroup _group;

    public GroupReloadTests()
    {
        File.WriteAllText(_file, First);
        _group = SwitchGroup.Start(Read(null) with { Source = Read }, _log.Enqueue);
    }

    public void Dispose()
    {
        _group.Dispose();
        File.Delete(_file);
    }

    [Fact]
    public void New_switches_start_gone_ones_end_and_changed_ones_change_while_the_others_notice_nothing()
    {
        SwitchHost same = _group.Find("r2")!;
        IReadOnlyList<string> said = Reload("""
            name: reloaded
            frames: 4096
            switches:
              - name: r2
                port: ["1=null:", "3=null:"]
                fail-mode: standalone
              - name: r3
                port: ["1=null:"]
            """);
        Assert.Equal(
            ["switch r1: removed", "switch r2: port 3=null:: added", "switch r2: port 2=null:: removed", "switch r2: fail-mode: secure -> standalone", "switch r3: added"],
            said);
        Assert.Equal(["r2", "r3"], _group.Switches.Select(host => host.Name));
        Assert.Same(same, _group.Find("r2"));
        Assert.Equal([1, 3], same.ReadPorts().Select(port => (int)port.Number));
        Assert.Equal(["nothing has changed"], _group.Reload("test"));
    }

    [Fact]
    public void What_is_the_processes_takes_a_new_start_but_for_its_log()
    {
        string text = First.Replace("frames: 4096", "frames: 8192\nworkers: 2\nlog-level: error", StringComparison.Ordinal);
        Assert.Equal(
            ["log-level: info -> error", "frames: 4096 -> 8192 needs a new start", "workers: 1 -> 2 needs a new start"], Reload(text));
        Assert.Contains("# workers: 1 -> 2 needs a new start", _group.DescribeOptions(all: false));
    }

    [Theory]
    [InlineData("no-such-key: 1\nswitches: []", "no such key")]
    [InlineData("switches:\n  - name: r1\n    port: ['1=null:', '1=null:']", "the number belongs to '1=null:'")]
    [InlineData("port: eth1", "has no switches: any more; that takes a new start")]
    [InlineData("switches:\n  - name: r1\n    certificate: /nonexistent\n    private-key: /nonexistent\n    ca-cert: /nonexistent\n    controller: ssl:192.0.2.1", "/nonexistent")]
    [InlineData("switches:\n  - name: by-hand", "switch by-hand: was added by hand (softswitch switch del by-hand removes it)")]
    public void A_file_that_is_wrong_changes_nothing(string text, string reason)
    {
        _group.Add(new SwitchOptions { Name = "by-hand" });
        string[] refusal = Assert.Throws<OptionException>(() => Reload(text)).Message.Split('\n');
        Assert.Contains(refusal, line => line.Contains(reason, StringComparison.Ordinal));
        Assert.Equal("nothing was changed", refusal[^1]);
        Assert.Equal(["r1", "r2", "by-hand"], _group.Switches.Select(host => host.Name));
    }

    [Fact]
    public void A_switch_that_cannot_be_changed_or_started_is_named_and_the_rest_is_done()
    {
        string[] refusal = Assert.Throws<OptionException>(() => Reload("""
            name: reloaded
            frames: 4096
            switches:
              - name: r1
                port: ["1=null:", "2=pcap:/nonexistent/folder/file"]
              - name: r3
                port: ["1=pcap:/nonexistent/folder/file"]
              - name: r4
            """)).Message.Split('\n');
        Assert.Contains(refusal, line => line.StartsWith("switch r1: port '2=pcap:/nonexistent/folder/file'", StringComparison.Ordinal));
        Assert.Contains(refusal, line => line.StartsWith("switch r3: port '1=pcap:/nonexistent/folder/file'", StringComparison.Ordinal));
        Assert.Contains("done: switch r2: removed", refusal);
        Assert.Contains("done: switch r4: added", refusal);
        Assert.Equal([1], _group.Find("r1")!.ReadPorts().Select(port => (int)port.Number));
        Assert.Equal(SwitchSummary.Failed, _group.ReadReport().Switches.Single(one => one.Name == "r3").State);
    }

    [Fact]
    public void A_port_may_go_from_one_switch_to_another()
    {
        string moved = First.Replace("""port: ["1=null:"]""", """port: ["1=null:", "9=waits0"]""", StringComparison.Ordinal);
        Assert.Equal(["switch r1: port 9=waits0: added"], Reload(moved));
        string back = First.Replace("\"2=null:\"", "\"2=null:\", \"9=waits0\"", StringComparison.Ordinal);
        Assert.Equal(["switch r1: port 9=waits0: removed", "switch r2: port 9=waits0: added"], Reload(back));
    }

    [Fact]
    public void The_configuration_in_force_is_a_file_that_gives_the_same_again()
    {
        _group.Add(new SwitchOptions { Name = "by-hand", Ports = ["7=null:"] });
        string[] shown = [.. _group.DescribeOptions(all: true)];
        SwitchGroupOptions read = Write(string.Join('\n', shown));
        Assert.Equal(["r1", "r2", "by-hand"], read.Switches.Select(one => one.Name));
        foreach (SwitchOptions one in read.Switches)
        {
            SwitchOptions now = _group.Find(one.Name!)!.Configuration.ReadOptions();
            Assert.All(SwitchOption.All.Where(option => option.Scope != OptionScope.Process), option => Assert.Equal(option.Show(now), option.Show(one)));
        }
        Assert.Equal((_group.Name, 4096), (read.Name, read.FrameCount));
    }

    private IReadOnlyList<string> Reload(string text)
    {
        File.WriteAllText(_file, text);
        return _group.Reload("test");
    }

    private SwitchGroupOptions Write(string text)
    {
        File.WriteAllText(_file, text);
        return Read(null);
    }

    private SwitchGroupOptions Read(Func<string, PortNumbering?>? numbering)
    {
        List<string> errors = [];
        return GroupOptionsReader.Read([], SettingsFile.Read(_file, errors), numbering, errors);
    }
}
