using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Tests;

/// <summary>Flows to begin with.</summary>
public sealed class StartupFlowsTests : IDisposable
{
    private static readonly SwitchOptions Small = new() { Datapath = new() { FrameCount = 2048, MaxWildcardEntries = 3 } };

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Files_and_flows_in_place_are_in_force_in_their_order_when_the_switch_has_started()
    {
        File.WriteAllText(_file, "# first\n\nadd priority=1,in_port=1,actions=2 # to the other\npriority=2,tcp,actions=drop\ndelete_strict priority=2,tcp\n");
        List<string> said = [];
        using SwitchHost sut = SwitchHost.Start(Small with { Flows = ["priority=2,tcp,actions=drop", _file, "priority=3,arp,actions=FLOOD"] }, said.Add);
        Assert.Equal([1, 3], sut.ReadFlows().Select(flow => (int)flow.Priority).Order());
        Assert.Contains("flows: 5 added", said);
    }

    [Fact]
    public void The_first_flow_that_gives_more_than_is_compared_is_warned_of_with_its_place()
    {
        File.WriteAllText(_file, "rarp,actions=2\nrarp,arp_op=3,actions=2\nrarp,arp_op=4,actions=2\n");
        List<string> said = [];
        using SwitchHost sut = SwitchHost.Start(Small with { Flows = [_file] }, said.Add);
        Assert.StartsWith(
            $"--flows: {_file}:2: flow entry 'rarp,arp_op=3': this switch does not look into IPv6 and RARP",
            Assert.Single(said, line => line.Contains("does not look", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Ports_may_be_called_by_their_names() =>
        StartupFlows.Check(Small with { Ports = ["1=s1", "2=tap:s2"], Flows = ["in_port=s1,actions=s2", "in_port=2,actions=1"] });

    [Fact]
    public void Every_mistake_is_told_with_file_line_and_word()
    {
        File.WriteAllText(_file, "in_port=1,actions=2\npriority=70000,actions=2\nactions=output:0\ntcp,tp_dst=80,actions=fly\nbuffer_id=7,actions=2\nudp\n");
        string[] expected =
        [
            $"--flows: {_file}:2: priority: '70000' i", $"--flows: {_file}:3: actions: output:0: OFPBAC_BAD_OUT_PORT", $"--flows: {_file}:4: actions: unknown action or port 'fly'",
            $"--flows: {_file}:5: buffer_id: ", $"--flows: {_file}:6: actions: missing", "--flows: 'actions=nowhere': actions: unknown action or port 'nowhere'",
            "--flows: 'none.txt': no such file", "--flows: '/': is a folder",
        ];
        SwitchOptions options = Small with { Flows = [_file, "actions=nowhere", "none.txt", "/"] };
        foreach (OptionException error in new[] { Assert.Throws<OptionException>(() => SwitchHost.Start(options)), Assert.Throws<OptionException>(() => StartupFlows.Check(options)) })
        {
            string[] lines = error.Message.Split('\n');
            Assert.Equal(expected.Length, lines.Length);
            Assert.All(lines.Zip(expected), pair => Assert.StartsWith(pair.Second, pair.First, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_the_table_does_not_take_is_a_mistake_and_of_many_the_first_twenty_are_told()
    {
        File.WriteAllLines(_file, Enumerable.Range(0, 50).Select(i => $"priority={i},actions=2"));
        string[] lines = Assert.Throws<OptionException>(() => SwitchHost.Start(Small with { Flows = [_file] })).Message.Split('\n');
        Assert.Equal(21, lines.Length);
        Assert.Equal($"--flows: {_file}:4: OFPFMFC_ALL_TABLES_FULL", lines[0]);
        Assert.Equal("--flows: and 27 more mistakes", lines[^1]);
    }
}
