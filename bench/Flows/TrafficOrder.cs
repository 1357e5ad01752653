namespace Softswitch.Bench.Flows;

/// <summary>In which order the packets of flows come.</summary>
internal static class TrafficOrder
{
    // A loop this long hides that it is one from caches when there are few flows; not from branch predictors.
    private const int LeastPackets = 4096;

    // Packets drawn for skewed traffic; what does not occur among so many does not matter.
    private const int SkewedPackets = 1 << 18;

    /// <summary>Every flow once in random order, repeated in other random orders until the loop is long enough.</summary>
    public static int[] Uniform(int flows, Random random, int leastPackets = LeastPackets)
    {
        int rounds = (leastPackets + flows - 1) / flows;
        int[] order = new int[rounds * flows];
        for (int round = 0; round < rounds; round++)
        {
            Span<int> part = order.AsSpan(round * flows, flows);
            for (int i = 0; i < flows; i++)
            {
                part[i] = i;
            }
            random.Shuffle(part);
        }
        return order;
    }

    /// <summary>Flows drawn by Zipf's law: the k-th most frequent with weight 1 / k^<paramref name="exponent"/>.</summary>
    public static int[] Skewed(int flows, double exponent, Random random)
    {
        int[] byRank = Uniform(flows, random).AsSpan(0, flows).ToArray();
        double[] cumulated = new double[flows];
        double sum = 0;
        for (int rank = 0; rank < flows; rank++)
        {
            sum += Math.Pow(rank + 1, -exponent);
            cumulated[rank] = sum;
        }
        int[] order = new int[Math.Max(SkewedPackets, flows)];
        for (int i = 0; i < order.Length; i++)
        {
            int at = Array.BinarySearch(cumulated, random.NextDouble() * sum);
            order[i] = byRank[Math.Min(at < 0 ? ~at : at, flows - 1)];
        }
        return order;
    }
}
