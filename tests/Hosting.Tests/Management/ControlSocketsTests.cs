using System.Net.Sockets;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Web;

namespace Softswitch.Hosting.Tests.Management;

/// <summary>How tools find a running switch.</summary>
public sealed class ControlSocketsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly SwitchOptions Small = new() { Datapath = new() { FrameCount = 2048 } };

    [Fact]
    public void A_switch_is_found_by_its_name_while_it_runs()
    {
        using (SwitchHost host = SwitchHost.Start(Small with { Name = "by-name", Ports = ["null:"] }))
        {
            Assert.Contains("by-name", ControlSockets.Running());
            string target = ControlSockets.Find("by-name");
            Assert.Equal($"unix:{ControlSockets.Folder}/by-name.sock", target);
            ManagementServer.Serve(host);
            Assert.StartsWith("port 1: ", Assert.Single(ManagementClient.AskLines(target, ManagementRequest.ListPorts, Patience)), StringComparison.Ordinal);
        }
        Assert.Contains("'by-name': there is no such switch", Assert.Throws<OptionException>(() => ControlSockets.Find("by-name")).Message, StringComparison.Ordinal);
        Assert.False(File.Exists($"{ControlSockets.Folder}/by-name.sock"));
    }

    [Fact]
    public void Two_switches_of_one_name_are_refused_and_one_of_the_same_datapath_id_gets_a_number()
    {
        SwitchOptions twin = Small with { DatapathId = 0xabcdef };
        using SwitchHost named = SwitchHost.Start(Small with { Name = "twin" });
        OptionException refusal = Assert.Throws<OptionException>(() => SwitchHost.Start(Small with { Name = "twin" }));
        Assert.Equal("--name: twin: the socket is in use by a running process (this process)", refusal.Message);

        List<string> log = [];
        SwitchGroupOptions unnamed = SwitchGroupOptions.Of(twin) with { IsNamedByDefault = true };
        using SwitchGroup one = SwitchGroup.Start(unnamed);
        using SwitchGroup two = SwitchGroup.Start(unnamed, log.Add);
        (SwitchHost first, SwitchHost second) = (one.Switches[0], two.Switches[0]);
        Assert.Equal(("0000000000abcdef", "0000000000abcdef-2"), (first.Name, second.Name));
        Assert.Contains("tools call this switch 0000000000abcdef-2: another has its datapath id for a name", log);
        Assert.Equal(second.Name, second.Reader.ReadReport().Name);
        Assert.Equal([first.Name, second.Name], ControlSockets.Running().Where(name => name.StartsWith(first.Name, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_reload_that_is_refused_is_one_line_in_the_log()
    {
        List<string> log = [];
        using SwitchGroup group = SwitchGroup.Start(
            SwitchGroupOptions.Of(Small with { Name = "unreadable" }) with { Source = _ => throw new OptionException("--port: nonsense") }, log.Add);
        ManagementServer.Serve(group);
        OptionException refusal = Assert.Throws<OptionException>(() => ManagementClient.Ask(ControlSockets.Find("unreadable"), ManagementRequest.Reload, Patience));
        Assert.Equal("--port: nonsense\nnothing was changed", refusal.Message);
        Assert.Equal(
            "control socket: 'reload' refused: --port: nonsense; nothing was changed",
            Assert.Single(log, line => line.Contains("nonsense", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_a_killed_switch_left_does_not_run_and_gives_way()
    {
        string path = ControlSockets.PathOf(ControlSockets.MakeFolder(), "left");
        using (Socket left = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint($"{path}.bound"));
            File.Move($"{path}.bound", path); // .NET would remove it in the end
        }
        Assert.True(File.Exists(path));
        Assert.DoesNotContain("left", ControlSockets.Running());
        using SwitchHost host = SwitchHost.Start(Small with { Name = "left" });
        Assert.Contains("left", ControlSockets.Running());
    }

    [Fact]
    public void A_switch_in_a_program_opens_no_socket_unless_it_has_a_name()
    {
        using SwitchHost host = SwitchHost.Start(Small with { DatapathId = 0x77 });
        Assert.Equal("0000000000000077", host.Name);
        Assert.DoesNotContain(host.Name, ControlSockets.Running());
    }

    [Fact]
    public void With_several_switches_the_error_lists_them()
    {
        using SwitchHost first = SwitchHost.Start(Small with { Name = "of-several-1" });
        using SwitchHost second = SwitchHost.Start(Small with { Name = "of-several-2" });
        string message = Assert.Throws<OptionException>(() => ControlSockets.Find(null)).Message;
        Assert.StartsWith("target: which switch? there are ", message, StringComparison.Ordinal);
        Assert.Contains("of-several-1, of-several-2", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../up")]
    [InlineData("")]
    [InlineData(".hidden")]
    [InlineData("a b")]
    [InlineData("tcp:127.0.0.1")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void What_cannot_be_a_file_s_name_is_no_switch_s(string name)
    {
        Assert.Contains($"'{name}'", Assert.Throws<OptionException>(() => SwitchOptions.Parse(("port", "null:"), ("name", name))).Message, StringComparison.Ordinal);
        Assert.Contains($"'{name}'", Assert.Throws<OptionException>(() => SwitchHost.Start(Small with { Name = name })).Message, StringComparison.Ordinal);
        Assert.Contains($"'{name}'", Assert.Throws<OptionException>(() => ControlSockets.Find(name)).Message, StringComparison.Ordinal);
    }
}
