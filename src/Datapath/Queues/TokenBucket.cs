namespace Softswitch.Datapath.Queues;

/// <summary>Keeps to a rate over time and lets a bounded burst pass.</summary>
/// <remarks>
/// Credit is time, in ticks of 100 ns: it grows with the clock, up to the depth, and a packet costs the time it takes at the rate. A packet
/// may go while credit is not negative, whatever its length; the debt is waited off before the next. So a 64 KiB segment needs no deeper
/// bucket than a small frame, and over any time T no more than rate * (T + depth) and one packet pass.
/// </remarks>
internal struct TokenBucket
{
    private double _ticksPerByte;
    private double _depth;

    /// <param name="bitsPerSecond">0 for no limit.</param>
    /// <param name="depth">Ticks of credit that can be saved up; a new bucket is full.</param>
    public TokenBucket(long bitsPerSecond, double depth)
    {
        Credit = depth;
        SetRate(bitsPerSecond, depth);
    }

    /// <summary>Ticks; negative while the last packet is waited off.</summary>
    public double Credit { get; private set; }

    public readonly bool MaySend => Credit >= 0;

    /// <summary>Ticks until <see cref="MaySend"/>.</summary>
    public readonly double Wait => Math.Max(0, -Credit);

    /// <summary>Ticks a packet of this length takes at the rate; 0 without a limit.</summary>
    public readonly double CostOf(int bytes) => bytes * _ticksPerByte;

    public void SetRate(long bitsPerSecond, double depth)
    {
        _ticksPerByte = bitsPerSecond == 0 ? 0 : 8.0 * TimeSpan.TicksPerSecond / bitsPerSecond;
        _depth = depth;
        Credit = Math.Min(Credit, depth);
    }

    public void Fill(double ticks) => Credit = Math.Min(_depth, Credit + ticks);

    public void Charge(int bytes) => Credit -= CostOf(bytes);

    /// <summary>Takes a charge back.</summary>
    public void Refund(int bytes) => Credit += CostOf(bytes);
}
