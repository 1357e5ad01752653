namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Any network of bridges ends in the tree the textbook computes, and never has a loop on the way there.</summary>
public sealed class RandomTopologyTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(8021, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Up_to_eight_bridges_converge_and_again_after_every_cut_mend_and_death(int seed)
    {
        Random random = new(seed);
        BridgeNetwork network = Build(random);
        network.Run(60);
        AssertTree(network, seed, "at first");
        for (int change = 0; change < 3; change++)
        {
            int segment = random.Next(network.Segments.Count);
            network.Cut(segment);
            network.Run(90);
            AssertTree(network, seed, $"without segment {segment}");
            if (random.Next(2) == 0)
            {
                network.Mend(segment);
                network.Run(90);
                AssertTree(network, seed, $"with segment {segment} again");
            }
        }
        SimulatedBridge dead = network.Bridges[random.Next(network.Bridges.Count)];
        dead.IsDead = true;
        foreach (var port in dead.Machine.Ports)
        {
            dead.Machine.Disable(port, network.Now);
        }
        network.Run(120);
        AssertTree(network, seed, $"without bridge {dead.Machine.Paths.Id:x}");
    }

    private static BridgeNetwork Build(Random random)
    {
        BridgeNetwork network = new();
        int count = random.Next(2, 9);
        for (int i = 0; i < count; i++)
        {
            ulong priority = (ulong)random.Next(3) * 0x1000;
            network.AddBridge((priority << 48) | ((ulong)random.NextInt64(1L << 40) << 4) | (uint)i);
        }
        // A random tree keeps them together; more segments, some shared by three ports, make the loops.
        for (int i = 1; i < count; i++)
        {
            network.Connect(Cost(random), network.Bridges[i], network.Bridges[random.Next(i)]);
        }
        for (int i = random.Next(2 * count); i > 0; i--)
        {
            var ends = Enumerable.Range(0, random.Next(1, 4)).Select(_ => network.Bridges[random.Next(count)]);
            network.Connect(Cost(random), [.. ends]);
        }
        return network;
    }

    private static uint Cost(Random random) => random.Next(4) switch { 0 => 2, 1 => 4, 2 => 19, _ => 100 };

    private static void AssertTree(BridgeNetwork network, int seed, string when)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}, {when}");
        TreeOracle.AssertConverged(network);
        Assert.True(TreeOracle.IsLoopFree(network), $"seed {seed}: a loop {when}");
        Assert.True(TreeOracle.IsSpanning(network), $"seed {seed}: torn apart {when}");
    }
}
