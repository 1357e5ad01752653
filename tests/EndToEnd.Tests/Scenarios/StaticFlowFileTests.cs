using System.Text;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Text;
using Softswitch.Scenarios;
using Softswitch.Scenarios.Twaren;

namespace Softswitch.EndToEnd.Tests.Scenarios;

/// <summary>The flow files of the TWAREN paper, loaded by <c>ofctl</c>.</summary>
public sealed class StaticFlowFileTests
{
    [Theory]
    [InlineData(TwarenFlows.Table2, TwarenLab.SecondAccessId, "flow1 flow2")]
    [InlineData(TwarenFlows.Figure5AsPrinted, TwarenLab.FirstAggregationId, "2011 2012 2013 2014 2015")]
    [InlineData(TwarenFlows.Figure6, TwarenLab.FirstAccessId, "211 212")]
    public void Ofctl_loads_what_of_a_file_is_for_the_switch_and_to_be_sent(string file, ulong datapathId, string names)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, FlowFile.ReadText($"twaren/{file}"));
            List<string> said = [];
            using SwitchHost host = SwitchHost.Start(
                new SwitchOptions
                {
                    DatapathId = datapathId,
                    Ports = [PortOption.Parse("1=null:")],
                    Agent = new() { Listeners = [new ConnectionTarget(ConnectionTransport.Tcp, IsPassive: true, "127.0.0.1", 0)] },
                    Datapath = new() { FrameCount = 4096 },
                },
                said.Add);
            string port = said.Single(line => line.StartsWith("listening: ptcp:", StringComparison.Ordinal)).Split(':')[2];
            CommandResult result = SwitchProgram.Execute("ofctl", "add-static-flows", $"tcp:127.0.0.1:{port}", path);
            Assert.True(result.ExitCode == 0, result.Error);
            IEnumerable<string> held = SwitchSnapshot.Take(host.Control).Flows.Select(row => $"{row.Match} actions={row.Actions}");
            Assert.Equal(names.Split(' ').Select(name => Describe(TwarenFlows.Find(file, name))).Order(), held.Order());
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Describe(StaticFlow flow)
    {
        var text = new StringBuilder();
        MatchText.Append(text, flow.Flow.Match, flow.Flow.Priority);
        text.Append(" actions=");
        ActionText.Append(text, flow.Flow.Actions);
        return text.ToString();
    }
}
