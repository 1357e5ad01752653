using BenchmarkDotNet.Attributes;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Microbenchmarks;

/// <summary>From bytes to a key, from a key to a hash: nanoseconds a packet.</summary>
public unsafe class ParserBenchmarks
{
    private readonly FlowHash _hash = FlowHash.Create(0x0123_4567_89ab_cdef, 0x1357_9bdf_0246_8ace, 0xfdb9_7531_eca8_6420, 0x55aa_33cc_0ff0_9669);
    private PacketSet _set = null!;

    [GlobalSetup]
    public void Setup() => _set = new PacketSet(flows: PacketSet.Count);

    [GlobalCleanup]
    public void Cleanup() => _set.Dispose();

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public ulong Parse()
    {
        FlowKey key = default;
        HeaderOffsets layout = default;
        ulong sum = 0;
        foreach (ref readonly Softswitch.Datapath.Packets.Packet packet in _set.Packets.AsSpan())
        {
            FlowKeyParser.Parse(packet.Data, packet.Length, 1, &key, &layout);
            sum += key.TpSrc.Raw;
        }
        return sum;
    }

    /// <summary>The whole definition, which odd packets take.</summary>
    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public ulong ParseGeneral()
    {
        FlowKey key = default;
        HeaderOffsets layout = default;
        ulong sum = 0;
        foreach (ref readonly Softswitch.Datapath.Packets.Packet packet in _set.Packets.AsSpan())
        {
            FlowKeyParser.ParseGeneral(packet.Data, packet.Length, 1, &key, &layout);
            sum += key.TpSrc.Raw;
        }
        return sum;
    }

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public ulong Hash()
    {
        ulong sum = 0;
        foreach (ref readonly FlowKey key in _set.Keys.AsSpan())
        {
            sum += _hash.Compute(key);
        }
        return sum;
    }

    [Benchmark(OperationsPerInvoke = PacketSet.Count)]
    public int CompareKeys()
    {
        FlowKey first = _set.Keys[0];
        int equal = 0;
        foreach (ref readonly FlowKey key in _set.Keys.AsSpan())
        {
            equal += FlowKey.Equals(key, first) ? 1 : 0;
        }
        return equal;
    }
}

/// <summary>Checksums: nanoseconds each.</summary>
public class ChecksumBenchmarks
{
    private const int Repeats = 256;

    private byte[] _data = [];

    [Params(20, 64, 1460)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _data = new byte[Length];
        new Random(1).NextBytes(_data);
    }

    [Benchmark(OperationsPerInvoke = Repeats)]
    public ulong Whole()
    {
        ulong sum = 0;
        for (int i = 0; i < Repeats; i++)
        {
            sum += InternetChecksum.Compute(_data);
        }
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Repeats)]
    public ulong Scalar()
    {
        ulong sum = 0;
        for (int i = 0; i < Repeats; i++)
        {
            sum += InternetChecksum.Finish(InternetChecksum.AddScalar(_data, 0));
        }
        return sum;
    }

    /// <summary>After an address changed (RFC 1624); does not depend on the length.</summary>
    [Benchmark(OperationsPerInvoke = Repeats)]
    public ushort Incremental()
    {
        ushort checksum = 0x1234;
        for (uint i = 0; i < Repeats; i++)
        {
            checksum = InternetChecksum.Update(checksum, i, 0x0a00_0001u);
        }
        return checksum;
    }
}
