using System.Diagnostics;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>The card's lookup pipeline, as far as one has to wait for it.</summary>
internal static class Pipeline
{
    // "Well under 10 us" is what the card needs; a frame of 1.5 KB at the slowest wire rate is through in that, too.
    private static readonly TimeSpan Length = TimeSpan.FromMicroseconds(10);

    /// <summary>Waits until frames that met the tables before the last write are counted (docs/netfpga-hardware.md, rule 13).</summary>
    public static void Drain(IRegisterAccess registers)
    {
        registers.Read(CardRegisters.Timer); // writes may be on their way: a read comes after them
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < Length)
        {
            Thread.SpinWait(20);
        }
    }
}
