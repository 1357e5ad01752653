using System.Net.Sockets;
using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.TakeOver;
using Softswitch.Hosting.Tests.State;
using Softswitch.Ports;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.TakeOver;

/// <summary>Both sides of a hand-over, and what becomes of each when the other fails at some step.</summary>
public sealed class HandoverTests : IDisposable
{
    private const int Timeout = 20_000;
    private const int Frames = 50;
    private const ushort In = 1;

    private static readonly FlowMatch FromReplay = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = In };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-handover-");
    private readonly string[] _ports;

    public HandoverTests()
    {
        string replay = Path.Combine(_folder.FullName, "in.pcap");
        using (PcapWriter writer = PcapWriter.Create(replay))
        {
            for (int i = 0; i < Frames; i++)
            {
                writer.Write(Frame(i), i);
            }
        }
        _ports = [$"{In}=replay:{replay}", $"2=pcap:{Written}", "3=null:"];
    }

    public static MatrixTheoryData<string, string> Failures { get; } = new(
        ["nothing", "the offer", "the table", "the state"], ["hangs up", "says why", "sends garbage", "claims 2 GiB"]);

    private string Written => Path.Combine(_folder.FullName, "out.pcap");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void The_new_process_goes_on_with_tables_counters_and_ports_and_no_packet_is_lost_or_doubled()
    {
        HandoverSide side = Start(flows: 3000);
        for (int handover = 0; handover < 3; handover++)
        {
            side.Forward(5);
            var tables = TableContent.Of(side.Control);
            (HandoverSide next, SortedDictionary<ulong, (ulong Packets, ulong Bytes)> counted) = HandOver(side);
            Assert.Equal(tables, TableContent.Of(next.Control));
            Assert.Equal(counted, next.Counts());
            Assert.Equal(new ushort[] { 1, 2, 3 }, side.Taken!.Ports.Order());
            side.Dispose();
            side = next;
        }
        side.Forward(5);
        ulong forwarded = side.Counts().Values.Max(entry => entry.Packets);
        side.Dispose();
        List<byte[]> written = ReadWritten();
        Assert.Equal((int)forwarded, written.Count);
        Assert.True(written.Count > Frames, "the replay has begun anew"); // and so in the right place
        PolledPort.AssertSame(Enumerable.Range(0, written.Count).Select(i => Frame(i % Frames)), written);
    }

    [Theory]
    [MemberData(nameof(Failures))]
    public void The_running_switch_goes_on_whatever_the_new_process_does_at_whatever_step(string after, string way)
    {
        using HandoverSide side = Start(flows: 100);
        side.Forward(1);
        (Socket source, DescriptorSocket socket) = HandoverSide.Connect();
        Thread serving = side.Serve(source);
        using (HandoverChannel channel = new(socket, 1 << 30))
        {
            Reach(channel, after);
            Fail(channel, socket, way);
        }
        serving.Join();
        Assert.Contains("the switch goes on", side.Said, StringComparison.Ordinal);
        Assert.Null(side.Taken);
        Assert.False(side.Control.Flows.Timeouts.IsSuspended);
        side.Add(FlowMatch.Any, 9, FlowModFlags.None); // the lock is free
        side.Forward(1);
        (HandoverSide next, _) = HandOver(side);
        next.Forward(1);
        ulong forwarded = next.Counts().Values.Max(entry => entry.Packets);
        next.Dispose();
        PolledPort.AssertSame(Enumerable.Range(0, (int)forwarded).Select(i => Frame(i % Frames)), ReadWritten());
    }

    [Theory]
    [InlineData("hangs up")]
    [InlineData("sends garbage")]
    [InlineData("offers what is cut short")]
    [InlineData("offers a port that makes no sense")]
    [InlineData("hangs up before the table")]
    [InlineData("has entries that make no sense")]
    [InlineData("has an entry that is refused")]
    [InlineData("hangs up while stopped")]
    [InlineData("sends a state that is cut short")]
    [InlineData("says why while stopped")]
    public void The_new_process_ends_with_one_line_and_takes_nothing_whatever_the_running_switch_does(string way)
    {
        (Socket source, DescriptorSocket socket) = HandoverSide.Connect();
        using DescriptorSocket giving = DescriptorSocket.Of((int)source.Handle);
        using HandoverChannel channel = new(giving, 1 << 20);
        string network = NetworkNamespace.NameOfCurrent();
        var thread = new Thread(() =>
        {
            try
            {
                Give(channel, giving, way, network);
            }
            catch (IOException)
            {
                // the new process has heard enough
            }
            finally
            {
                source.Dispose();
            }
        });
        thread.Start();
        Exception failure = Assert.ThrowsAny<Exception>(() => TakeOver(socket));
        thread.Join();
        Assert.True(failure is PortException or OptionException, $"{failure}");
        Assert.DoesNotContain('\n', failure.Message);
        Assert.False(File.Exists(Written) && new FileInfo(Written).Length > 0, "a file was written to");
    }

    [Fact]
    public void A_new_process_that_is_asked_to_end_before_the_switch_is_its_own_leaves_it_where_it_is()
    {
        using HandoverSide side = Start(flows: 10);
        (Socket source, DescriptorSocket socket) = HandoverSide.Connect();
        Thread serving = side.Serve(source);
        using CancellationTokenSource stop = new();
        using (HandoverTarget target = HandoverTarget.Begin("edge", socket, stop.Token))
        {
            using HandoverSide next = new(_ports, target);
            target.LoadTable(next.Control);
            stop.Cancel();
            string reason = Assert.Throws<OptionException>(() => target.TakeState(next.Control, static _ => { }, next.Log)).Message;
            Assert.Contains("asked to end, and the running switch goes on", reason, StringComparison.Ordinal);
        }
        serving.Join();
        Assert.Null(side.Taken);
        side.Forward(1);
    }

    [Fact]
    public void Another_process_is_refused_while_one_takes_the_switch_over()
    {
        using HandoverSide side = Start(flows: 10);
        (Socket source, DescriptorSocket socket) = HandoverSide.Connect();
        (Socket second, DescriptorSocket late) = HandoverSide.Connect();
        Thread serving = side.Serve(source);
        using (HandoverTarget target = HandoverTarget.Begin("edge", socket, CancellationToken.None))
        {
            Thread refusing = side.Serve(second);
            OptionException refused = Assert.Throws<OptionException>(() => HandoverTarget.Begin("edge", late, CancellationToken.None));
            Assert.Equal("--take-over: 'edge': another process is taking it over already", refused.Message);
            refusing.Join();
        }
        serving.Join();
    }

    private static byte[] Frame(int number) => TestPacket.Udp(srcPort: (ushort)(1000 + number));

    /// <summary>A switch that writes what it replays, and has other entries in both tables.</summary>
    private HandoverSide Start(int flows)
    {
        HandoverSide side = new(_ports);
        side.Add(FromReplay, 100, FlowModFlags.None, FlowAction.Output(2));
        RandomMatches random = new(1);
        for (int i = 0; i < flows; i++)
        {
            FlowModFlags flags = i % 10 == 0 ? FlowModFlags.Emergency : FlowModFlags.None;
            side.Add(random.NextMatch(), 50, flags, FlowAction.SetNwDst((uint)i), FlowAction.Output(3)); // of those in force none is better than the first
        }
        return side;
    }

    /// <summary>All of a hand-over, with traffic until the workers stop.</summary>
    private (HandoverSide Next, SortedDictionary<ulong, (ulong Packets, ulong Bytes)> Counted) HandOver(HandoverSide side)
    {
        (Socket source, DescriptorSocket socket) = HandoverSide.Connect();
        Thread serving = side.Serve(source);
        using HandoverTarget target = HandoverTarget.Begin("edge", socket, CancellationToken.None);
        Assert.Equal((7ul, "edge"), (target.DatapathId, target.Name));
        HandoverSide next = new(_ports, target);
        side.Forward(2);
        target.LoadTable(next.Control);
        side.Forward(2); // what entries count after they were sent is sent at the end
        target.TakeState(next.Control, static state => Assert.Equal("edge", state.ReadString()), next.Log);
        serving.Join();
        Assert.True(side.IsStopped);
        return (next, side.Counts());
    }

    private void TakeOver(DescriptorSocket socket)
    {
        using HandoverTarget target = HandoverTarget.Begin("edge", socket, CancellationToken.None);
        using HandoverSide next = new(_ports, target);
        target.LoadTable(next.Control);
        target.TakeState(next.Control, static _ => { }, next.Log);
    }

    private List<byte[]> ReadWritten()
    {
        using PcapReader reader = PcapReader.Open(Written, 65536);
        List<byte[]> frames = [];
        while (reader.TryRead(out ReadOnlySpan<byte> frame))
        {
            frames.Add(frame.ToArray());
        }
        return frames;
    }

    /// <summary>Goes along with the running switch until it has sent so much.</summary>
    private static void Reach(HandoverChannel channel, string after)
    {
        if (after == "nothing")
        {
            return;
        }
        ReceiveUpTo(channel, HandoverMessage.OfferEnd);
        if (after == "the offer")
        {
            return;
        }
        channel.Send(HandoverMessage.Opened, Timeout);
        ReceiveUpTo(channel, HandoverMessage.EntriesEnd);
        if (after == "the state")
        {
            channel.Send(HandoverMessage.Loaded, Timeout);
            ReceiveUpTo(channel, HandoverMessage.State);
        }
    }

    private static void ReceiveUpTo(HandoverChannel channel, HandoverMessage last)
    {
        HandoverMessage kind;
        do
        {
            kind = channel.Receive(Timeout, out _, out int[] descriptors);
            HandoverChannel.Close(descriptors);
        }
        while (kind != last);
    }

    private static void Fail(HandoverChannel channel, DescriptorSocket socket, string way)
    {
        switch (way)
        {
            case "says why":
                channel.Fail("it has thought better of it");
                break;
            case "sends garbage":
                Send(socket, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("take-over \u0001 garbage\n", 1000))));
                break;
            case "claims 2 GiB":
                Send(socket, [(byte)HandoverMessage.Opened, 0xff, 0xff, 0xff, 0x7f]);
                break;
        }
    }

    private static void Send(DescriptorSocket socket, ReadOnlySpan<byte> bytes)
    {
        try
        {
            socket.Send(bytes, [], Timeout);
        }
        catch (IOException)
        {
            // the other side has heard enough
        }
    }

    private void Give(HandoverChannel channel, DescriptorSocket socket, string way, string network)
    {
        BinaryWriter to = channel.Payload;
        switch (way)
        {
            case "hangs up":
                return;
            case "sends garbage":
                Send(socket, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("garbage", 1000))));
                return;
            case "offers what is cut short":
                to.Write([1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
                channel.Send(HandoverMessage.Switch, Timeout);
                return;
        }
        GiveOffer(channel, way, network);
        channel.Expect(HandoverMessage.Opened, Timeout);
        switch (way)
        {
            case "hangs up before the table":
                return;
            case "has entries that make no sense":
                to.Write(Encoding.UTF8.GetBytes("entries"));
                channel.Send(HandoverMessage.Entries, Timeout);
                return;
            case "has an entry that is refused":
                byte[] entry = new byte[Hosting.State.FlowEntryCodec.MaxSize];
                FlowStatistics refused = new() { Sequence = 1, Match = FlowMatch.Any, Actions = new[] { FlowAction.Output(0) } };
                to.Write(entry.AsSpan(0, Hosting.State.FlowEntryCodec.Write(refused, entry)));
                channel.Send(HandoverMessage.Entries, Timeout);
                return;
        }
        channel.Send(HandoverMessage.EntriesEnd, Timeout);
        channel.Expect(HandoverMessage.Loaded, Timeout);
        switch (way)
        {
            case "says why while stopped":
                channel.Fail("a worker does not end its pass");
                return;
            case "sends a state that is cut short":
                to.Write([1, 2, 3]);
                channel.Send(HandoverMessage.State, Timeout);
                channel.Expect(HandoverMessage.Taken, Timeout);
                return;
        }
    }

    private void GiveOffer(HandoverChannel channel, string way, string network)
    {
        BinaryWriter to = channel.Payload;
        to.Write(42UL);
        to.Write(string.Empty);
        to.Write("edge");
        to.Write(1024);
        to.Write(2048);
        to.Write(network);
        channel.Send(HandoverMessage.Switch, Timeout);
        to.Write((ushort)2);
        to.Write($"pcap:{Written}");
        to.Write(string.Empty);
        to.Write(way == "offers a port that makes no sense" ? "packet" : "anew");
        to.Write(3);
        to.Write([1, 2, 3]);
        channel.Send(HandoverMessage.Port, Timeout);
        channel.Send(HandoverMessage.OfferEnd, Timeout);
    }
}
