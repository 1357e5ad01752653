using System.Text.Json;
using Softswitch.Datapath.Queues;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Reports;

/// <summary>The one report that tools, metrics and the page show.</summary>
public sealed class SwitchReportTests
{
    private static readonly SwitchOptions Small = new() { Datapath = new() { FrameCount = 2048 } };

    [Fact]
    public void It_tells_of_ports_tables_workers_and_flow_mods()
    {
        using SwitchHost host = SwitchHost.Start(Small with { DatapathId = 0x2a, Ports = ["3=null:,rate=5M"] });
        ProgramPort left = host.AddProgramPort("left", 1);
        host.AddFlow("in_port=1,actions=output:3");
        host.AddFlow("in_port=2,actions=");
        host.DeleteFlows("in_port=2");
        byte[] frame = TestPacket.Udp();
        Assert.True(left.TrySend(frame));
        // A pass is counted when it is over, after its packets were.
        Eventually.True(() => host.Reader.ReadReport() is { Ports: [_, { Traffic.SentPackets: 1 }], Workers: [{ BusyPasses: > 0 }] }, "the packet was not counted");
        SwitchReport report = Reread(host);
        Assert.Equal("000000000000002a", report.Name);
        Assert.Equal(report.Name, report.DatapathId);
        Assert.Equal([("1", "left", "up"), ("3", "null3", "up")], report.Ports.Select(port => (port.Label, port.Name, port.State)));
        Assert.Equal((ulong)frame.Length, report.Ports[0].Traffic.ReceivedBytes);
        Assert.Equal(5_000_000, report.Ports[1].RateBitsPerSecond);
        TableReport wildcard = report.Tables[1];
        Assert.Equal(("wildcard", 1, 1, 1), (wildcard.Name, wildcard.Entries, wildcard.Lookups, wildcard.Matches));
        WorkerReport worker = Assert.Single(report.Workers);
        Assert.Equal((1, 1), (worker.Batches, worker.Packets));
        Assert.InRange(worker.BusyPasses, 1, worker.Passes - 1);
        Assert.Equal((2, 1), (report.FlowMods.Done["add"], report.FlowMods.Done["delete"]));
        Assert.Empty(report.FlowMods.Refused);
        Assert.Equal(Environment.ProcessId, report.Process.Id);
        Assert.True(report.Process.OpenFiles > 0 && report.Process.Threads > 1, $"{report.Process}");
    }

    [Fact]
    public void It_tells_of_queues_and_of_where_clients_reach_the_switch()
    {
        using SwitchHost host = SwitchHost.Start(Small with
        {
            Ports = ["2=null:,rate=5M"],
            Queues = [new QueueOption(2, new QueueConfig(1, MinRate: 2_000_000), "", ""), new QueueOption(2, new QueueConfig(7, MaxRate: 1_000_000), "", "")],
            Agent = new() { Listeners = ["ptcp:0:127.0.0.1", "ptcp:0"] },
        });
        ProgramPort left = host.AddProgramPort("left", 1);
        host.AddFlow("in_port=1,actions=enqueue:2:7");
        byte[] frame = TestPacket.Udp();
        Assert.True(left.TrySend(frame));
        Eventually.True(() => host.Reader.ReadReport().Ports[1].Queues[1].SentPackets == 1, "the packet was not counted");
        SwitchReport report = Reread(host);
        Assert.Equal([new QueueReport(1, 2_000_000, 0, 0, 0, 0), new QueueReport(7, 0, 1_000_000, 1, (ulong)frame.Length, 0)], report.Ports[1].Queues);
        Assert.Empty(report.Ports[0].Queues);
        Assert.All(report.Listeners, target => Assert.Matches("^tcp:127.0.0.1:[1-9][0-9]*$", target));
        Assert.Equal(2, report.Listeners.Count);
    }

    [Fact]
    public void Drops_are_told_by_port_and_reason_with_what_to_do_about_it()
    {
        using SwitchHost host = SwitchHost.Start(Small);
        ProgramPort left = host.AddProgramPort("left", 1);
        host.AddFlow("in_port=1,actions=output:7");
        Assert.True(left.TrySend(TestPacket.Udp()));
        Eventually.True(() => host.ReadDrops().Values.Sum() == 1, "the drop was not counted");
        SwitchReport report = Reread(host);
        Assert.Equal(1, report.Accounts.Rows[0].ReceiveDrops["noSuchPort"]);
        string text = string.Join('\n', DropsText.Write(report));
        Assert.Contains("\ndropped coming in, port 1 left:\n", text, StringComparison.Ordinal);
        Assert.Matches(@"\n +1 to a port that does not exist \(noSuchPort\)\n +> ofctl dump-flows ", text);
    }

    [Fact]
    public void A_worker_that_moved_packets_was_busy_and_one_without_any_was_not()
    {
        using SwitchHost host = SwitchHost.Start(Small with { Datapath = new() { FrameCount = 2048, Workers = 2 } });
        ProgramPort first = host.AddProgramPort("first");
        ProgramPort second = host.AddProgramPort("second");
        host.AddFlow("in_port=1,actions=in_port");
        Assert.True(first.TrySend(TestPacket.Udp()));
        Eventually.True(() => host.Reader.ReadReport().Workers[0].BusySeconds > 0, "it was never busy");
        WorkerReport idle = Reread(host).Workers[1];
        Assert.Equal((0, 0, 0), (idle.BusyPasses, idle.BusySeconds, idle.Packets));
        Eventually.True(() => host.Reader.ReadReport().Workers[1].IsSleeping, "it does not sleep");
    }

    [Fact]
    public void A_controller_that_is_not_there_is_told_with_its_last_error_and_the_next_attempt()
    {
        using SwitchHost host = SwitchHost.Start(Small with { Agent = new AgentOptions { Controllers = ["tcp:127.0.0.1:1"] } });
        Eventually.True(() => host.Reader.ReadReport().Controllers is [{ State: "waiting", NextAttemptSeconds: > 0 }], "it does not wait for the next attempt");
        ControllerReport controller = Assert.Single(Reread(host).Controllers);
        Assert.Equal("tcp:127.0.0.1:1", controller.Name);
        Assert.Contains("refused", controller.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public void A_connected_peer_is_told_with_what_it_asked_and_what_was_refused()
    {
        string path = Path.Combine(Path.GetTempPath(), $"softswitch-{Guid.NewGuid():n}");
        using SwitchHost host = SwitchHost.Start(Small with { Agent = new AgentOptions { Listeners = [$"punix:{path}"] } });
        using (OfClient client = OfClient.Connect($"unix:{path}", TimeSpan.FromSeconds(10)))
        {
            client.Send((buffer, xid) => buffer.Message(OfType.FlowMod, xid, OfHeader.Size)); // cut short
            client.Barrier();
            Eventually.True(() => host.Reader.ReadReport().FlowMods.Refused.GetValueOrDefault("OFPBRC_BAD_LEN") == 1, "it was not refused");
            ControllerReport peer = Assert.Single(Reread(host).Controllers);
            Assert.Equal(("connected", true, 2), (peer.State, peer.IsPeer, peer.Requests));
        }
        Eventually.True(() => host.Reader.ReadReport() is { Controllers: [], Connections: { Open: 0, Established: 1 } }, "it is still there");
    }

    /// <summary>As whoever asks over the control socket has it.</summary>
    private static SwitchReport Reread(SwitchHost host)
    {
        string json = JsonSerializer.Serialize(host.Reader.ReadReport(), ReportJson.Default.SwitchReport);
        Assert.DoesNotContain('\n', json);
        return JsonSerializer.Deserialize(json, ReportJson.Default.SwitchReport)!;
    }
}
