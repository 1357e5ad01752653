using BenchmarkDotNet.Attributes;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Microbenchmarks;

/// <summary>Each action that changes a header: nanoseconds a packet.</summary>
public class ActionBenchmarks
{
    private PacketSet _set = null!;

    [GlobalSetup]
    public void Setup() => _set = new PacketSet(flows: PacketSet.Count);

    [GlobalCleanup]
    public void Cleanup() => _set.Dispose();

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetDlSrc() => Apply(FlowAction.SetDlSrc(new MacAddress(0x0200_0000_00aa)));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetDlDst() => Apply(FlowAction.SetDlDst(new MacAddress(0x0200_0000_00bb)));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetNwSrc() => Apply(FlowAction.SetNwSrc(0x0a00_0009));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetNwDst() => Apply(FlowAction.SetNwDst(0x0a00_000a));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetNwTos() => Apply(FlowAction.SetNwTos(0xb8));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetTpSrc() => Apply(FlowAction.SetTpSrc(4000));

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetTpDst() => Apply(FlowAction.SetTpDst(8080));

    /// <summary>Two actions: only so is the packet afterwards what it was before.</summary>
    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void SetVlanVidAndStripVlan()
    {
        FlowAction set = FlowAction.SetVlanVid(7);
        FlowAction strip = FlowAction.StripVlan();
        for (int i = 0; i < PacketSet.Count; i++)
        {
            HeaderRewriter.Apply(set, ref _set.Packets[i], ref _set.Layouts[i], _set.Frames);
            HeaderRewriter.Apply(strip, ref _set.Packets[i], ref _set.Layouts[i], _set.Frames);
        }
    }

    /// <summary>What an output before the last costs beyond queueing.</summary>
    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public void CopyAndRelease()
    {
        foreach (ref readonly Packet packet in _set.Packets.AsSpan())
        {
            _set.Frames.TryCopy(packet, out Packet copy);
            _set.Frames.Release(copy);
        }
    }

    private void Apply(FlowAction action)
    {
        Packet[] packets = _set.Packets;
        HeaderOffsets[] layouts = _set.Layouts;
        for (int i = 0; i < packets.Length; i++)
        {
            HeaderRewriter.Apply(action, ref packets[i], ref layouts[i], _set.Frames);
        }
    }
}
