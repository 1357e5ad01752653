using System.Diagnostics;

namespace Softswitch.Lab.Measures;

/// <summary>Tells how many packets are due by now at a steady rate. What a late thread missed is due at once.</summary>
/// <param name="perSecond">Packets a second.</param>
internal sealed class Pace(double perSecond)
{
    private readonly long _start = Stopwatch.GetTimestamp();

    public long Due => (long)(Stopwatch.GetElapsedTime(_start).TotalSeconds * perSecond) + 1;
}
