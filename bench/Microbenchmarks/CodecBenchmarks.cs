using BenchmarkDotNet.Attributes;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Microbenchmarks;

/// <summary>OpenFlow messages to bytes and back: nanoseconds a message.</summary>
[MemoryDiagnoser]
public class CodecBenchmarks
{
    private const int Messages = 512;

    private readonly OfBuffer _buffer = new();
    private readonly FlowAction[] _storage = new FlowAction[OfActions.MaxCount];
    private readonly FlowAction[] _actions = [FlowAction.SetDlDst(new(0x0200_0000_00bb)), FlowAction.Output(2)];
    private readonly byte[] _frame = PacketSet.FrameOf(1);
    private byte[] _flowMod = [];
    private byte[] _packetIn = [];

    [GlobalSetup]
    public void Setup()
    {
        WriteFlowMod(1);
        _flowMod = _buffer.Written.ToArray();
        _buffer.Reset();
        WritePacketIn(1);
        _packetIn = _buffer.Written.ToArray();
        _buffer.Reset();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public int EncodeFlowMod()
    {
        _buffer.Reset();
        for (uint xid = 0; xid < Messages; xid++)
        {
            WriteFlowMod(xid);
        }
        return _buffer.Length;
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public int DecodeFlowMod()
    {
        int good = 0;
        for (int i = 0; i < Messages; i++)
        {
            good += FlowModMessage.TryDecode(_flowMod, _storage, out FlowMod mod, out _) ? mod.Actions.Length : 0;
        }
        return good;
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public int EncodePacketIn()
    {
        _buffer.Reset();
        for (uint xid = 0; xid < Messages; xid++)
        {
            WritePacketIn(xid);
        }
        return _buffer.Length;
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public int DecodePacketIn()
    {
        int bytes = 0;
        for (int i = 0; i < Messages; i++)
        {
            bytes += PacketInMessage.TryDecode(_packetIn, out ReceivedPacketIn packetIn, out _) ? packetIn.Data.Length : 0;
        }
        return bytes;
    }

    private void WriteFlowMod(uint xid) => FlowModMessage.Write(_buffer, xid, new FlowMod { Match = PacketSet.MatchOf(1), Actions = _actions });

    private void WritePacketIn(uint xid) => PacketInMessage.Write(
        _buffer,
        xid,
        new PacketIn { BufferId = 1, InPort = 1, Reason = PacketInReason.NoMatch, MaxLength = 128, Data = _frame },
        length: 128);
}
