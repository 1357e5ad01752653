using System.Globalization;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Null;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>What a datapath costs beside others in a process. Alone: what other tests do would be counted, too.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class DatapathMemoryCollection;

[Collection(typeof(DatapathMemoryCollection))]
public sealed class DatapathMemoryTests(ITestOutputHelper output)
{
    private const int Datapaths = 20;

    [Theory]
    [InlineData(0, 1 << 20)]
    [InlineData(1000, 4 << 20)]
    public void A_datapath_takes_memory_for_what_it_has_and_not_for_what_it_might_have(int flows, int most)
    {
        using FramePool frames = DatapathControl.CreateFrames(new DatapathOptions());
        List<DatapathControl> datapaths = [Make(frames, flows)]; // its code is compiled then
        long before = ReadResidentBytes();
        long managed = GC.GetTotalAllocatedBytes(precise: true);
        for (int i = 0; i < Datapaths; i++)
        {
            datapaths.Add(Make(frames, flows));
        }
        managed = (GC.GetTotalAllocatedBytes(precise: true) - managed) / Datapaths;
        long resident = (ReadResidentBytes() - before) / Datapaths;
        datapaths.ForEach(datapath => datapath.Dispose());
        Assert.Equal(frames.FrameCount, frames.FreeCount);
        output.WriteLine($"{flows} flows: {resident >> 10} KiB resident, {managed >> 10} KiB managed");
        Assert.True(resident <= most, $"{resident} bytes");
    }

    private static DatapathControl Make(FramePool frames, int flows)
    {
        DatapathControl datapath = new(new DatapathOptions(), frames);
        for (ushort port = 1; port <= 3; port++)
        {
            Assert.Equal(ControlError.None, datapath.Ports.Add(port, new NullPort($"p{port}")));
        }
        for (int i = 0; i < flows; i++)
        {
            FlowMatch match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.DlDst, DlDst = new((ulong)i + 1) };
            Assert.Equal(ControlError.None, datapath.Apply(new FlowMod { Match = match, Actions = new[] { FlowAction.Output(2) } }));
        }
        datapath.Workers[0].PollOnce();
        datapath.Service();
        return datapath;
    }

    private static long ReadResidentBytes() =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
}
