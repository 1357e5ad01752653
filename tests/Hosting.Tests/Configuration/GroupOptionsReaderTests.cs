using Softswitch.Commands;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Tests.Configuration;

/// <summary>What stands in a file with several switches, whose it is, and what is wrong with it.</summary>
public sealed class GroupOptionsReaderTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void What_stands_beside_the_switches_is_the_processes_or_holds_for_those_that_say_nothing_else()
    {
        SwitchGroupOptions group = Read("""
            name: lab
            workers: 2
            frames: 2048
            controller: tcp:192.0.2.1
            fail-mode: standalone
            state: /var/lib/lab
            switches:
              - name: s1
                port: ["1=null:", "patch:ab"]
              - name: s2
                controller: [tcp:192.0.2.2, tcp:192.0.2.3]
                fail-mode: secure
                state: /var/lib/other
                datapath-id: 2
            """);
        Assert.False(group.IsPlain);
        Assert.Equal(("lab", 2, 2048), (group.Name, group.Workers, group.FrameCount));
        (SwitchOptions one, SwitchOptions two) = (group.Switches[0], group.Switches[1]);
        Assert.Equal(("s1", "s2"), (one.Name, two.Name));
        Assert.Equal([1, 2], one.Ports.Select(port => (int)port.Number));
        Assert.Empty(two.Ports);
        Assert.Equal(["tcp:192.0.2.1:6653"], one.Agent.Controllers.Select(target => $"{target}"));
        Assert.Equal(["tcp:192.0.2.2:6653", "tcp:192.0.2.3:6653"], two.Agent.Controllers.Select(target => $"{target}"));
        Assert.Equal((OfAgent.Agent.FailMode.Standalone, OfAgent.Agent.FailMode.Secure), (one.Agent.FailMode, two.Agent.FailMode));
        Assert.Equal(("/var/lib/lab/s1", "/var/lib/other"), (one.State, two.State));
        Assert.Equal((null, 2UL), (one.DatapathId, two.DatapathId));
        Assert.All(group.Switches, options => Assert.Equal((2, 2048), (options.Datapath.Workers, options.Datapath.FrameCount)));
        SwitchOptions added = GroupOptionsReader.ReadAdded(group, [new Setting("name", "s3", "--name"), new Setting("fail-mode", "secure", "--fail-mode")]);
        Assert.Equal(("s3", "/var/lib/lab/s3", OfAgent.Agent.FailMode.Secure), (added.Name, added.State, added.Agent.FailMode));
        Assert.Equal(["tcp:192.0.2.1:6653"], added.Agent.Controllers.Select(target => $"{target}"));
    }

    [Theory]
    [InlineData("switches: []")]
    [InlineData("switches:")]
    public void A_process_may_have_no_switch_yet(string text) => Assert.Empty(Read(text).Switches);

    [Fact]
    public void The_command_line_wins_over_what_the_file_says_of_any_switch()
    {
        SwitchGroupOptions group = Read("""
            name: lab
            fail-mode: secure
            switches:
              - name: s1
              - name: s2
                fail-mode: secure
            """, ("fail-mode", "standalone"), ("name", "other"), ("workers", "3"));
        Assert.Equal(("other", 3), (group.Name, group.Workers));
        Assert.All(group.Switches, one => Assert.Equal(OfAgent.Agent.FailMode.Standalone, one.Agent.FailMode));
    }

    [Theory]
    [InlineData("switches: 7", ":1: switches: must be a list, with the options of one switch in each of its items")]
    [InlineData("switches:\n  - s1", ":2: switch 1: must be a list of 'key: value' lines such as name: s1")]
    [InlineData("switches:\n  - port: eth1", ":2: switch 1: has no name")]
    [InlineData("switches:\n  - name: s1\n    ports: eth1", ":3: switch s1: ports: no such key; there are port, {and all others}")]
    [InlineData("switches:\n  - name: s1\n    switches: []", ":3: switch s1: switches: no such key; there are port, {and all others}")]
    [InlineData("switches:\n  - name: s1\n    workers: 2", ":3: switch s1: workers: is the process's: it stands beside switches:")]
    [InlineData("port: eth1\nswitches:\n  - name: s1", ":1: port: belongs to one switch, and there are switches:")]
    [InlineData("datapath-id: 1\nswitches: []", ":1: datapath-id: belongs to one switch, and there are switches:")]
    [InlineData("take-over: x\nswitches: []", ":1: take-over: belongs to one switch, and there are switches:")]
    [InlineData("switches:\n  - name: s1\n    port: 'no:such'", ":3: switch s1: port: port 'no:such': there is no kind of port 'no:'; there are {kinds}")]
    [InlineData("switches:\n  - name: 's 1'", ":2: switch s 1: name: 's 1' is not a name of up to 64 letters, digits, '.', '_' and '-' that begins with a letter or digit")]
    [InlineData("fail-mode: no\nswitches:\n  - name: s1\n  - name: s2", ":1: fail-mode: 'no' is neither standalone nor secure")]
    [InlineData("workers: 0\nswitches:\n  - name: s1", ":1: workers: '0' is not a number from 1 to 64")]
    public void Errors_name_file_line_switch_and_key(string text, string expected)
    {
        string message = Assert.Throws<OptionException>(() => Read(text)).Message;
        string others = string.Join(", ", SwitchOption.All.Skip(1).Select(option => option.Name));
        string wanted = _file + expected.Replace("{and all others}", others, StringComparison.Ordinal);
        Assert.StartsWith(wanted.Split("{kinds}")[0], Assert.Single(message.Split('\n')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("- name: s1\n  - name: s1", "switch s1: name: another switch of the process is called that, too")]
    [InlineData("- {name: s1, datapath-id: 5}\n  - {name: s2, datapath-id: 0x5}", "switch s2: datapath-id: 0000000000000005 is that of switch s1")]
    [InlineData("- {name: s1, port: 1=eth1}\n  - {name: s2, port: 'packet:eth1'}", "switch s2: port 'packet:eth1': eth1 belongs to port '1=eth1' of switch s1")]
    [InlineData("- {name: s1, state: /tmp/a}\n  - {name: s2, state: /tmp/a}", "switch s2: state: /tmp/a is that of switch s1")]
    [InlineData("- {name: s1, port: ['patch:a', 'patch:a']}\n  - {name: s2, port: 'patch:a'}", "switch s2: port 'patch:a': the cable has two ends already")]
    public void Two_switches_that_cannot_be_together_are_named(string switches, string expected) =>
        Assert.Equal(expected, Assert.Throws<OptionException>(() => Read($"switches:\n  {switches}")).Message);

    [Fact]
    public void A_port_on_the_command_line_goes_with_one_switch_only() => Assert.Equal(
        "--port: belongs to one switch, and there are switches:", Assert.Throws<OptionException>(() => Read("switches: []", ("port", "eth1"))).Message);

    private SwitchGroupOptions Read(string text, params (string Key, string Value)[] commandLine)
    {
        File.WriteAllText(_file, text);
        List<string> errors = [];
        return GroupOptionsReader.Read([.. commandLine.Select(one => new Setting(one.Key, one.Value, $"--{one.Key}"))], SettingsFile.Read(_file, errors), null, errors);
    }
}
