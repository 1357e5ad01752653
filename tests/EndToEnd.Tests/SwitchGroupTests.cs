using System.Globalization;
using System.Text;
using System.Text.Json;
using Softswitch.Commands;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>One process with several switches, from a file and by tools, with real interfaces, packets and controllers.</summary>
public sealed class SwitchGroupTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-group-");

    private string Config => Path.Combine(_folder.FullName, "lab.yaml");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Hosts_behind_three_switches_of_a_file_reach_each_other_and_each_switch_answers_to_its_name()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(3);
        using RunningCommand running = StartLab(lab, """
            name: lab
            fail-mode: standalone
            frames: 8192
            switches:
              - name: a
                datapath-id: 1
                port: [1=s1, "2=patch:ab"]
              - name: b
                datapath-id: 2
                port: [1=s2, "2=patch:ab", "3=patch:bc"]
              - name: c
                datapath-id: 3
                port: [1=s3, "2=patch:bc"]
            """);
        Assert.Equal(3, lab.Ping(1, 3));
        Assert.Equal(3, lab.Ping(2, 3));
        JsonElement[] listed = List(lab);
        Assert.Equal(["a", "b", "c"], listed.Select(one => one.GetProperty("name").GetString()));
        Assert.Equal([2, 3, 2], listed.Select(one => one.GetProperty("portsUp").GetInt32()));
        Assert.StartsWith("switch      b: softswitch ", Tool(lab, "status", "b").Checked().Output, StringComparison.Ordinal);
        Assert.Contains("port 2: bc: ", Tool(lab, "port", "list", "c").Checked().Output, StringComparison.Ordinal);
        CommandResult unclear = Tool(lab, "port", "list");
        Assert.Equal((2, "softswitch port list: which switch? there are a, b, c\n"), (unclear.ExitCode, unclear.Error));

        // Without the switch in the middle there is no way, and with another in its place there is one again.
        Assert.Equal("switch b: removed\n", Tool(lab, "switch", "del", "b").Checked().Output);
        Assert.Equal(0, lab.Ping(1, 3, count: 1));
        string added = Tool(lab, "switch", "add", "--name", "d", "--port", "1=s2", "--port", "2=patch:ab", "--port", "3=patch:bc").Checked().Output;
        Assert.Contains("d: port 1: s2: ", added, StringComparison.Ordinal);
        Eventually.True(() => lab.Ping(1, 3) == 3, "there is a way again");
        SwitchProgram.Terminate(running);
        CommandResult end = running.WaitForEnd(SwitchProgram.Patience);
        Assert.True(end.ExitCode == 0, end.Error);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_folder.FullName, "run"), "*.sock"));
    }

    [Fact]
    public void Switches_come_and_go_while_another_forwards_and_leave_their_interfaces_as_they_were()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(4);
        string before = Interfaces(lab);
        using RunningCommand running = StartRun(lab, "--port", "1=s1", "--port", "2=s2", "--name", "first", "--fail-mode", "standalone");
        Assert.Equal(3, lab.Ping(1, 2));
        UdpStream stream = lab.StartStream(1, 2, 5001, 2000);
        for (int round = 0; round < 5; round++)
        {
            Tool(lab, "switch", "add", "first", "--name", "other", "--fail-mode", "standalone", "--port", "1=s3", "--port", "2=s4").Checked();
            Assert.Equal(3, lab.Ping(3, 4)); // it forwards when the tool ends
            CommandResult twin = Tool(lab, "switch", "add", "--name", "thief", "--port", "1=s1");
            Assert.Equal((2, "softswitch switch add: switch thief: port '1=s1': s1 belongs to port '1=s1' of switch first\n"), (twin.ExitCode, twin.Error));
            Tool(lab, "switch", "del", "other").Checked();
        }
        CabledHosts.AssertAllCame(stream, () => running.Error);
        Assert.Equal(["first"], List(lab).Select(one => one.GetProperty("name").GetString()));
        SwitchProgram.Terminate(running);
        Assert.Equal(0, running.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Equal(before, Interfaces(lab));
    }

    [Fact]
    public void The_end_of_one_controller_is_noticed_by_its_own_switch_alone()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts(4);
        using RunningCommand running = StartLab(lab, """
            name: lab
            frames: 8192
            switches:
              - name: a
                controller: tcp:127.0.0.1:7001
                port: [1=s1, 2=s2]
              - name: b
                controller: tcp:127.0.0.1:7002
                port: [1=s3, 2=s4]
            """);
        using RunningCommand doomed = lab.Start("controller", "--listen", "ptcp:7001:127.0.0.1");
        using RunningCommand staying = lab.Start("controller", "--listen", "ptcp:7002:127.0.0.1");
        Eventually.True(() => Connected(lab) is [1, 1], "both are connected");
        Eventually.True(() => lab.Ping(1, 2) == 3, () => running.Error); // a controller that is slower than a buffer is kept costs a packet
        SwitchProgram.Terminate(doomed, "KILL");
        Eventually.True(() => Connected(lab) is [0, 1], "one is connected");
        Eventually.True(() => lab.Ping(3, 4) == 3, () => running.Error);
        running.WaitForText(" a: tcp:127.0.0.1:7001", SwitchProgram.Patience); // lines of the log name the switch
    }

    [Theory]
    [InlineData("controller", "--listen", "ptcp:6653:127.0.0.1")]
    [InlineData("ovs-testcontroller", "--unixctl=none", "ptcp:6653:127.0.0.1")]
    public void With_spanning_tree_all_pairs_of_a_torus_answer_under_a_learning_controller(string program, params string[] arguments)
    {
        Needs.Namespaces("ovs-testcontroller");
        const int side = 3;
        using var lab = new CabledHosts(side * side);
        using RunningCommand controller = program == "controller" ? lab.Start(program, arguments) : lab.Inside.Start(program, arguments);
        StringBuilder text = new("name: lab\ncontroller: tcp:127.0.0.1:6653\nstp: true\nstp-hello: 1\nstp-max-age: 6\nstp-forward-delay: 4\n");
        text.Append("switches:\n");
        for (int i = 0; i < side * side; i++)
        {
            // Patch cables to the east and south, named by the switch where they begin, and those that come from the west and north.
            int west = i % side == 0 ? i + side - 1 : i - 1;
            int north = (i + (side * (side - 1))) % (side * side);
            text.Append(CultureInfo.InvariantCulture, $"  - name: n{i + 1}\n    datapath-id: {i + 1}\n");
            string ports = $"1=s{i + 1}, 2=patch:e{i}, 3=patch:e{west}, 4=patch:s{i}, 5=patch:s{north}";
            text.Append(CultureInfo.InvariantCulture, $"    port: [{ports}]\n");
        }
        using RunningCommand running = StartLab(lab, text.ToString());
        int[] hosts = [.. Enumerable.Range(1, side * side)];
        List<(int From, int To)> silent = [.. hosts.SelectMany(from => hosts[..(from - 1)].Select(to => (from, to)))];
        Eventually.True(
            () =>
            {
                silent.RemoveAll(pair => lab.Ping(pair.From, pair.To, count: 1) == 1);
                return silent.Count == 0;
            },
            () => $"{string.Join(' ', silent)}\n{running.Error}");
    }

    [Fact]
    public void A_file_with_a_mistake_is_refused_and_one_without_is_fit()
    {
        File.WriteAllText(Config, "switches:\n  - {name: a, port: 1=eth1}\n  - {name: b, no-such-key: 1}\n");
        Assert.Contains("switch b: no-such-key: no such key; ", Assert.Throws<OptionException>(() => RunCommand.Read(["--config", Config])).Message, StringComparison.Ordinal);
        File.WriteAllText(Config, "name: lab\nswitches:\n  - {name: a, port: 1=eth1}\n  - {name: b, port: 1=eth2, controller: tcp:192.0.2.1}\n");
        Assert.Equal(
            $"{Config}: fit to start with: 2 switches, 2 ports, 1 controller, 0 listeners\n", SwitchProgram.Execute("run", "--config", Config, "--check").Checked().Output);
    }

    private RunningCommand StartLab(CabledHosts lab, string text)
    {
        File.WriteAllText(Config, text);
        return StartRun(lab, "--config", Config);
    }

    private RunningCommand StartRun(CabledHosts lab, params string[] arguments)
    {
        RunningCommand running = lab.Inside.Start("env", [Environment, SwitchProgram.Dotnet, SwitchProgram.Library, "run", .. arguments]);
        running.WaitForText("\nready\n", SwitchProgram.Patience);
        return running;
    }

    private string Environment => $"SOFTSWITCH_RUNDIR={Path.Combine(_folder.FullName, "run")}";

    private CommandResult Tool(CabledHosts lab, params string[] arguments) =>
        lab.Inside.Execute(SwitchProgram.Patience, "env", [Environment, SwitchProgram.Dotnet, SwitchProgram.Library, .. arguments]);

    private JsonElement[] List(CabledHosts lab) => [.. JsonDocument.Parse(Tool(lab, "switch", "list", "--json").Checked().Output).RootElement.EnumerateArray()];

    private int[] Connected(CabledHosts lab) => [.. List(lab).Select(one => one.GetProperty("controllersConnected").GetInt32())];

    private static string Interfaces(CabledHosts lab) => lab.Inside.Execute("ip", "-d", "-o", "link", "show").Checked().Output;
}
