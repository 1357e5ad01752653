namespace Softswitch.NetFpga.Emulator;

/// <summary>One access to a register of the emulated card.</summary>
/// <param name="Number">Accesses are counted from 1.</param>
/// <param name="Value">0 for a read.</param>
internal readonly record struct RegisterAccess(long Number, bool IsWrite, uint Address, uint Value);

/// <summary>How an access ends that a test lets fail.</summary>
internal enum RegisterFault
{
    None,

    /// <summary>It throws, and nothing happened.</summary>
    Lost,

    /// <summary>It throws, but the card has done it: the answer was lost.</summary>
    Unanswered,
}
