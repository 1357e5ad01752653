namespace Softswitch.NetFpga.Emulator;

/// <summary>The card's clock: time since its last reset.</summary>
internal sealed class CardTimer(TimeProvider time)
{
    private long _start = time.GetTimestamp();

    public TimeSpan Now => time.GetElapsedTime(_start);

    public uint Seconds => (uint)Now.TotalSeconds;

    public void Reset() => _start = time.GetTimestamp();
}
